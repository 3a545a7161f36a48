/** Alarms: each condition raises its alarm once and clears it once, and what a look does not know stays as it is. */
import { describe, expect, it } from 'vitest'
import {
  type Alarm,
  type AlarmRules,
  type AlarmState,
  acknowledge,
  addFinding,
  type HeadFinding,
  type Look,
  MAX_ALARMS_OF_A_KIND,
  noAlarms,
  takeLook,
} from '../../src/monitor/alarms.ts'
import { seededRandom } from '../faults/random.ts'

const START = 1_767_225_600_000
const rules: AlarmRules = { maxAge: 600, wantsQuorum: true }
const seconds = (ms: number): number => ms / 1_000

const head = (more: Partial<Extract<HeadFinding, { kind: 'head' }>> = {}): HeadFinding => ({
  kind: 'head',
  size: 10,
  seen: 10,
  quorum: { kind: 'met', time: seconds(START) },
  times: [],
  ...more,
})
const look = (more: Partial<Look> = {}): Look => ({ now: START, head: head(), data: [], progress: true, ...more })

/** Takes looks in order; answers what began (+) and ended (−) in each. */
const story = (looks: readonly Look[], by: AlarmRules = rules): readonly (readonly string[])[] => {
  let state = noAlarms(START)
  return looks.map((one) => {
    const taken = takeLook(state, one, by)
    state = taken.state
    return taken.changes.map(({ change, alarm }) => `${change === 'raised' ? '+' : '-'}${nameOf(alarm)}`)
  })
}
const nameOf = ({ kind, subject }: Pick<Alarm, 'kind' | 'subject'>): string => `${kind}${subject ? ` ${subject}` : ''}`

const none: HeadFinding = { kind: 'none' }
const bad: HeadFinding = { kind: 'bad', detail: 'nonsense' }
const fork = (subject: string): HeadFinding => ({ kind: 'fork', subject, detail: 'two histories' })
const unknown = look({ head: none, data: undefined, progress: false })

describe('[MONITOR-3] an alarm is raised once and cleared once', () => {
  it.each<[string, Look, string]>([
    ['bad_head', look({ head: bad, data: undefined }), 'bad_head'],
    ['rollback', look({ head: head({ size: 9 }), data: undefined }), 'rollback'],
    ['no_quorum', look({ head: head({ quorum: { kind: 'missing', detail: '0 of 3' } }) }), 'no_quorum'],
    ['bad_data', look({ data: [{ subject: 'entries from 0', detail: 'entry 5' }] }), 'bad_data entries from 0'],
  ])('%s', (_, wrong, name) => {
    // Between them the log could not be asked, which changes nothing.
    expect(story([look(), wrong, wrong, unknown, wrong, look(), look(), wrong])).toEqual([
      [],
      [`+${name}`],
      [],
      [],
      [],
      [`-${name}`],
      [],
      [`+${name}`],
    ])
  })

  it('a fork begins once for each pair of heads, and no look ends it', () => {
    const other = fork('5-ab')
    expect(story([look(), { ...unknown, head: other }, { ...unknown, head: other }, look(), unknown])).toEqual([
      [],
      ['+fork 5-ab'],
      [],
      [],
      [],
    ])
    expect(
      story([
        { ...unknown, head: other },
        { ...unknown, head: fork('6-cd') },
      ]),
    ).toEqual([['+fork 5-ab'], ['+fork 6-cd']])
  })

  it('[MONITOR-5] a fork ends when it is acknowledged, and nothing else does', () => {
    let { state } = takeLook(noAlarms(START), { ...unknown, head: fork('5-ab') }, rules)
    state = takeLook(state, look({ data: [{ subject: 'edge', detail: 'bad' }] }), rules).state
    const after = acknowledge(state)
    expect(after.changes).toMatchObject([{ change: 'cleared', alarm: { kind: 'fork', subject: '5-ab' } }])
    expect(after.state.active.map(nameOf)).toEqual(['bad_data edge'])
    expect(acknowledge(after.state).changes).toEqual([])
  })

  it('a finding from elsewhere is raised once, and clears nothing', () => {
    const first = addFinding(noAlarms(START), { kind: 'fork', subject: 'peer', detail: 'seen by a peer' }, START + 5)
    expect(first.changes).toMatchObject([{ change: 'raised', alarm: { since: START + 5 } }])
    expect(addFinding(first.state, { kind: 'fork', subject: 'peer', detail: 'again' }, START + 9).changes).toEqual([])
    expect(takeLook(first.state, look(), rules).changes).toEqual([])
  })

  it('keeps when it began, and the newest detail', () => {
    const wrong = (detail: string, now: number): Look => look({ now, head: { kind: 'bad', detail } })
    let { state } = takeLook(noAlarms(START), wrong('one', START + 1), rules)
    state = takeLook(state, wrong('two', START + 2), rules).state
    expect(state.active).toEqual([{ kind: 'bad_head', detail: 'two', since: START + 1 }])
  })

  it('there are at most so many of a kind', () => {
    let state = noAlarms(START)
    for (let i = 0; i < 3 * MAX_ALARMS_OF_A_KIND; i++) {
      state = takeLook(state, { ...unknown, head: fork(String(i)) }, rules).state
    }
    expect(state.active).toHaveLength(MAX_ALARMS_OF_A_KIND)
  })

  it('over random looks every alarm begins and ends in turn, and what is on is what began last', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed)
      let state: AlarmState = noAlarms(START)
      const on = new Set<string>()
      let now = START
      for (let step = 0; step < 60; step++) {
        now += random.integer(0, 500_000)
        const size = random.integer(5, 12)
        const finding = random.pick<HeadFinding>([
          none,
          bad,
          fork(random.pick(['a', 'b'])),
          head({
            size,
            seen: 10,
            quorum: random.pick([
              { kind: 'met', time: seconds(now - 1_000) },
              { kind: 'missing', detail: 'x' },
            ] as const),
            times: [{ witness: random.pick(['v', 'w']), time: seconds(START) + random.integer(0, 100) }],
          }),
        ])
        const data = random.pick([undefined, [], [{ subject: 'entries from 0', detail: 'x' }]])
        const taken = takeLook(state, { now, head: finding, data, progress: random.next() < 0.5 }, rules)
        state = taken.state
        for (const { change, alarm } of taken.changes) {
          const name = nameOf(alarm)
          expect(on.has(name), `seed ${seed}, step ${step}: ${change} ${name}`).toBe(change === 'cleared')
          if (change === 'raised') on.add(name)
          else on.delete(name)
        }
        expect(new Set(state.active.map(nameOf)), `seed ${seed}`).toEqual(on)
      }
    }
  })
})

describe('the clock of a witness', () => {
  const at = (time: number, more = {}): Look => look({ head: head({ times: [{ witness: 'w', time }], ...more }) })

  it('that goes back is an alarm until it has caught up', () => {
    expect(story([at(100), at(100), at(99), at(98), at(99), at(100), at(101)])).toEqual([
      [],
      [],
      ['+clock w'],
      [],
      [],
      ['-clock w'],
      [],
    ])
  })

  it('is each its own, states nothing with 0, and is not judged by an older head', () => {
    const both = (v: number, w: number): Look =>
      look({
        head: head({
          times: [
            { witness: 'v', time: v },
            { witness: 'w', time: w },
          ],
        }),
      })
    expect(story([both(100, 200), both(150, 199)])).toEqual([[], ['+clock w']])
    expect(story([at(100), at(0), at(100)])).toEqual([[], [], []])
    expect(story([at(100), at(50, { size: 9 })])).toEqual([[], ['+rollback']])
    expect(story([at(100), at(200, { size: 9 }), at(150)])).toEqual([[], ['+rollback'], ['-rollback']])
  })
})

describe('[MONITOR-4] a stale log', () => {
  const fresh = (now: number, time = seconds(now)): Look => look({ now, head: head({ quorum: { kind: 'met', time } }) })

  it('is one of which nothing could be verified for longer than the limit', () => {
    const silent = (after: number): Look => ({ ...unknown, now: START + after })
    expect(story([fresh(START), silent(600_000), silent(600_999), silent(601_000), silent(700_000)])).toEqual([
      [],
      [],
      [],
      ['+stale'],
      [],
    ])
    expect(story([fresh(START), silent(601_000), fresh(START + 602_000)])).toEqual([[], ['+stale'], ['-stale']])
  })

  it('is one that was never seen, from the first look on', () => {
    expect(story([unknown, { ...unknown, now: START + 601_000 }])).toEqual([[], ['+stale']])
  })

  it('is one whose newest quorum is older than the limit, though it answers', () => {
    const old = (now: number): Look => fresh(now, seconds(START))
    expect(story([old(START), old(START + 600_000), old(START + 601_000), fresh(START + 602_000)])).toEqual([
      [],
      [],
      ['+stale'],
      ['-stale'],
    ])
  })

  it('is one whose quorum states no time', () => {
    const timeless = (now: number): Look => look({ now, head: head({ quorum: { kind: 'met' } }) })
    expect(story([timeless(START), timeless(START + 601_000)])).toEqual([[], ['+stale']])
  })

  it('is not one without a quorum in its policy, as long as it answers', () => {
    const plain = (now: number): Look => look({ now, head: head({ quorum: undefined }) })
    expect(story([plain(START), plain(START + 10 ** 9)], { ...rules, wantsQuorum: false })).toEqual([[], []])
  })

  it('is not made fresh by an older head, nor by a head alone without its data', () => {
    const rolled = look({
      now: START + 601_000,
      head: head({ size: 9, quorum: { kind: 'met', time: seconds(START) + 601 } }),
      data: undefined,
      progress: false,
    })
    expect(story([fresh(START), rolled])).toEqual([[], ['+rollback', '+stale']])
  })
})
