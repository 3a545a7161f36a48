/** syslog: one message of RFC 5424, without its framing. */

import { isSendableAction } from '../../event/actions.ts'
import { TlogError } from '../../primitives/error.ts'
import { customAction, hashId } from './fit.ts'
import { type Mapped, settle } from './item.ts'
import { actionIn, actorIn, outcomeIn } from './native.ts'
import { countingAnswer, type SourceFormat } from './source.ts'
import { parseSyslog, type SyslogMessage } from './syslog-message.ts'

/** A body is one message. What is none of RFC 5424 is quarantined, for there is nobody to send it again. */
export const syslog: SourceFormat = {
  name: 'syslog',
  parse: ({ body }) => {
    const raw = trimmed(body)
    if (raw.length === 0) throw new TlogError('malformed', 'want a message')
    // spec: MSG-ANY = *OCTET ; not starting with BOM. So no message is refused for its bytes.
    const message = parseSyslog(new TextDecoder().decode(raw))
    return [
      settle(typeof message === 'string' ? { code: 'malformed', reason: message } : mapMessage(message, raw), raw),
    ]
  },
  answer: countingAnswer,
}

/** Without the line feed that separates messages on some transports. */
const trimmed = (body: Uint8Array): Uint8Array => {
  let end = body.length
  while (end > 0 && [0x0a, 0x0d, 0x00].includes(body[end - 1] ?? -1)) end--
  return body.subarray(0, end)
}

const mapMessage = (message: SyslogMessage, raw: Uint8Array): Mapped => {
  const { timestamp, host, app, messageId, elements, text } = message
  const audit = [...elements].find(([name]) => /^audit(?:@\d+)?$/.test(name))?.[1]
  const said = (name: string): string | undefined => audit?.get(name)
  const action = actionOf(said('action') ?? messageId, app)
  const kind = /^(user|group|role|policy)\./.exec(action)?.[1]
  const target = said('target')
  const actor = said('actor')
  return {
    id: said('id') ?? hashId(raw),
    time: timestamp,
    action,
    outcome: audit === undefined ? 'unknown' : outcomeIn(said('outcome')),
    actor: (actor === undefined ? undefined : actorIn({ type: said('actor-type') ?? 'user', id: actor })) ?? {
      type: 'system',
      id: host ?? app,
    },
    target:
      target === undefined
        ? { type: 'host', id: host ?? app }
        : { type: said('target-type') ?? kind ?? 'unknown', id: target },
    source: { ip: said('ip') ?? elements.get('origin')?.get('ip'), app },
    reason: said('reason'),
    service: app,
    msg: text,
    tenant: said('tenant'),
    corr: said('corr'),
    src_id: said('id'),
  }
}

const actionOf = (name: string | undefined, app: string | undefined): string =>
  name !== undefined && isSendableAction(name) ? actionIn('syslog', name) : customAction('syslog', name ?? app)
