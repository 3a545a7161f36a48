/** Kubernetes: events of the audit webhook (audit.k8s.io/v1, types Event and EventList). */
import type { Outcome } from '../../event/actions.ts'
import type { JsonObject } from '../../event/strict-json.ts'
import { TlogError } from '../../primitives/error.ts'
import { at, listOf, textAt, textOf } from './foreign-json.ts'
import { outcomeOfStatus } from './http-method.ts'
import { type ActorDraft, itemOf, type Mapped, type ThingDraft } from './item.ts'
import { kubernetesMeaning } from './k8s-rbac.ts'
import type { SourceFormat } from './source.ts'
import { bytesAt, elementsOf, isArrayAt, membersOf, rootOf, type Span } from './spans.ts'

/** An EventList, or one event. */
export const k8s: SourceFormat = {
  name: 'k8s',
  parse: ({ body }) => eventsIn(body).map((span) => itemOf(bytesAt(body, span), mapEvent)),
  answer: () => ({ status: 200 }),
}

const eventsIn = (body: Uint8Array): readonly Span[] => {
  const root = rootOf(body)
  const members = membersOf(body, root)
  const items = members.get('items')
  // An empty list of Go is null.
  if (items !== undefined) return isArrayAt(body, items) || body[items.start] !== 0x6e ? elementsOf(body, items) : []
  if (members.has('auditID')) return [root]
  throw new TlogError('malformed', 'want an EventList or an Event of audit.k8s.io')
}

/** Stages that are followed by another of the same request. */
const passing: ReadonlySet<string | undefined> = new Set(['RequestReceived', 'ResponseStarted'])

const mapEvent = (event: JsonObject): Mapped => {
  const auditId = textAt(event, 'auditID')
  const stage = textAt(event, 'stage')
  if (passing.has(stage)) return 'ignored'
  const outcome = outcomeOf(event, stage)
  const { action, target, involved, after } = kubernetesMeaning(event)
  return {
    id: auditId === undefined || stage === undefined ? undefined : `${auditId}/${stage}`,
    time: event['requestReceivedTimestamp'] ?? event['stageTimestamp'],
    action,
    outcome,
    actor: actorOf(event),
    target,
    with: involved,
    after: outcome === 'success' ? after : undefined,
    // types.go: all but the last IP can be arbitrarily set by the client.
    source: { ip: listOf(event['sourceIPs']).at(-1), ua: event['userAgent'] },
    reason: outcome === 'success' ? undefined : reasonOf(event),
    msg: [textAt(event, 'verb'), textAt(event, 'requestURI')?.replace(/\?.*$/s, '')].filter(Boolean).join(' '),
    corr: auditId,
    src_id: auditId,
  }
}

const actorOf = (event: JsonObject): ActorDraft => {
  const user = at(event, 'user')
  const name = textAt(user, 'username')
  const groups = listOf(at(user, 'groups'))
  const impersonated = textAt(event, 'impersonatedUser', 'username')
  const asked: ThingDraft | undefined = impersonated === undefined ? undefined : { type: 'user', id: impersonated }
  const [credential] = listOf(at(user, 'extra', 'authentication.kubernetes.io/credential-id'))
  const parts = { id: name, session: textOf(credential), on_behalf_of: asked }
  if (name === 'system:anonymous') return { ...parts, type: 'anonymous', id: undefined }
  if (name?.startsWith('system:serviceaccount:')) return { ...parts, type: 'service' }
  if (name?.startsWith('system:')) return { ...parts, type: 'system' }
  return { ...parts, type: groups.includes('system:masters') ? 'admin' : 'user' }
}

const outcomeOf = (event: JsonObject, stage: string | undefined): Outcome => {
  if (textAt(event, 'annotations', 'authorization.k8s.io/decision') === 'forbid') return 'denied'
  if (stage === 'Panic') return 'failure'
  return outcomeOfStatus(at(event, 'responseStatus', 'code'))
}

const reasonOf = (event: JsonObject): string | undefined => {
  const status = at(event, 'responseStatus')
  const parts = [textAt(status, 'reason'), textAt(status, 'message')].filter((part) => part !== undefined)
  const said = parts.length === 0 ? undefined : parts.join(': ')
  return said ?? textAt(event, 'annotations', 'authorization.k8s.io/reason')
}
