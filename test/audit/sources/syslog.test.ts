/** syslog: messages by name with the events in full. */
import { describe, expect, it } from 'vitest'
import { parseSyslog } from '../../../src/audit/sources/syslog-message.ts'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

const event = (members: Members): Members => ({
  id: '01K0AV6Y7N1',
  time: '2026-11-20T21:47:00.123Z',
  action: 'user.create',
  outcome: 'success',
  source: { app: 'keycloak' },
  service: 'keycloak',
  src_id: '01K0AV6Y7N1',
  ...members,
})

const HEADER = '<110>1 2026-11-20T21:47:00.123Z idp1 keycloak 812 user.create'

describe('messages and their events', () => {
  const rows: readonly (readonly [name: string, message: string, event: Members | string])[] = [
    [
      'what knows the vocabulary',
      `${HEADER} [audit@32473 id="01K0AV6Y7N1" outcome="success" actor="scim:okta" actor-type="service" target="u_42" ip="192.0.2.7" corr="CHG-1" reason="r" tenant="acme"] created user jdoe`,
      event({
        actor: { type: 'service', id: 'scim:okta' },
        target: { type: 'user', id: 'u_42' },
        source: { ip: '192.0.2.7', app: 'keycloak' },
        msg: 'created user jdoe',
        corr: 'CHG-1',
        reason: 'r',
        tenant: 'acme',
      }),
    ],
    [
      'escapes, and a name that is there twice: the first counts',
      `${HEADER} [audit@32473 id="01K0AV6Y7N1" actor="a\\"b\\\\c\\]d\\e" actor="admin" target="x" target-type="Vault Key"][origin ip="192.0.2.9"]`,
      event({
        actor: { type: 'user', id: 'a"b\\c]d\\e' },
        target: { type: 'vault-key', id: 'x' },
        source: { ip: '192.0.2.9', app: 'keycloak' },
      }),
    ],
    [
      'the example of RFC 5424 with structured data and a byte order mark',
      '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] \ufeffAn application event log entry...',
      {
        id: expect.stringMatching(/^sha256:[0-9a-f]{40}$/),
        time: '2003-10-11T22:14:15.003Z',
        action: 'custom.syslog.id47',
        outcome: 'unknown',
        actor: { type: 'system', id: 'mymachine.example.com' },
        target: { type: 'host', id: 'mymachine.example.com' },
        source: { app: 'evntslog' },
        service: 'evntslog',
        msg: 'An application event log entry...',
      },
    ],
    [
      'the example of RFC 5424 without a name of the message, in another time zone',
      "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
      {
        id: expect.stringMatching(/^sha256:/),
        time: '2003-08-24T05:14:15.000003-07:00',
        action: 'custom.syslog.myproc',
        outcome: 'unknown',
        actor: { type: 'system', id: '192.0.2.1' },
        target: { type: 'host', id: '192.0.2.1' },
        source: { app: 'myproc' },
        service: 'myproc',
        msg: "%% It's time to make the do-nuts.",
      },
    ],
    ['no time', '<34>1 - host app - - -', 'quarantine: missing'],
    ['the older syslog', "<34>Oct 11 22:14:15 mymachine su: 'su root' failed", 'quarantine: malformed'],
  ]
  it.each(rows)('[SRC-19] %s', (_, message, want) => {
    expect(outcomesOf('syslog', delivery(message))).toEqual([want])
  })

  it('[SRC-19] actions of the log itself are nobody else’s', () => {
    const forged = HEADER.replace('user.create', 'privacy.erase')
    expect(outcomesOf('syslog', delivery(`${forged} -`))).toMatchObject([{ action: 'custom.syslog.privacy.erase' }])
    expect(outcomesOf('syslog', delivery(`${HEADER} [audit action="user.delete"]`))).toMatchObject([
      { action: 'user.delete' },
    ])
  })

  it('[SRC-2] the bytes are the message, without the line feed of the transport', () => {
    expect(rawOf('syslog', delivery(`${HEADER} - x\r\n`))).toEqual([`${HEADER} - x`])
  })

  it('[SRC-6] no message is lost for its bytes, nor for its text', () => {
    const bytes = Buffer.concat([Buffer.from(`${HEADER} - a`), Uint8Array.of(0xff, 0x00, 0x1b), Buffer.from('b')])
    expect(outcomesOf('syslog', delivery(bytes))).toMatchObject([{ msg: 'a\ufffd\ufffd\ufffdb' }])
    const long = `${HEADER} [audit id="${'x'.repeat(1_048_576)}" actor="${'\\"'.repeat(500_000)}"] ${'y'.repeat(1_048_576)}`
    expect(outcomesOf('syslog', delivery(long))).toMatchObject([
      { id: expect.stringMatching(/^sha256:/), msg: expect.stringMatching(/^y{4095}…$/) },
    ])
  })
})

describe('syntax', () => {
  const wrong: readonly (readonly [name: string, message: string])[] = [
    ['no priority', '1 - - - - - -'],
    ['a priority over 191', '<192>1 - - - - - -'],
    ['a priority with a zero before it', '<034>1 - - - - - -'],
    ['another version', '<34>2 - - - - - -'],
    ['no structured data', '<34>1 - - - - - '],
    ['a field too few', '<34>1 - - - - -'],
    ['a host of 256 characters', `<34>1 - ${'h'.repeat(256)} - - - -`],
    ['an element without a name', '<34>1 - - - - - []'],
    ['an open element', '<34>1 - - - - - [a b="c"'],
    ['an open value', '<34>1 - - - - - [a b="c]'],
    ['a bracket that is not escaped', '<34>1 - - - - - [a b="c]"]'],
    ['no quotes', '<34>1 - - - - - [a b=c]'],
    ['an element twice', '<34>1 - - - - - [a][a]'],
    ['text right behind an element', '<34>1 - - - - - [a]x'],
    ['text right behind nothing', '<34>1 - - - - - -x'],
    ['a space between elements', '<34>1 - - - - - [a b="c" ]'],
  ]
  it.each(wrong)('[SRC-19] refuses %s', (_, message) => {
    expect(typeof parseSyslog(message)).toBe('string')
  })

  it('[SRC-19] takes a message apart', () => {
    expect(parseSyslog('<191>1 - - - - - [a][b@1 c="d" e=""] x y')).toEqual({
      facility: 23,
      severity: 7,
      timestamp: undefined,
      host: undefined,
      app: undefined,
      processId: undefined,
      messageId: undefined,
      elements: new Map([
        ['a', new Map()],
        [
          'b@1',
          new Map([
            ['c', 'd'],
            ['e', ''],
          ]),
        ],
      ]),
      text: 'x y',
    })
    expect(parseSyslog('<0>1 - - - - - -')).toMatchObject({ facility: 0, text: undefined })
  })
})
