/** What a request of SCIM means (RFC 7644 section 3), by its method, the resource and the operations of a patch. */
import type { JsonObject } from '../../event/strict-json.ts'
import { at, type Loose, listOf, objectOf, textAt, textOf } from './foreign-json.ts'
import { accessOfMethod } from './http-method.ts'
import type { ThingDraft } from './item.ts'

/** A request, and its answer where it is known. */
export interface ScimRequest {
  /** In capitals. */
  readonly method: string
  readonly path: string
  readonly body: Loose
  readonly response: Loose
}

/** The event's part that the request tells. */
export interface Meaning {
  readonly action: string
  readonly target: ThingDraft
  readonly involved: readonly ThingDraft[]
  readonly after?: JsonObject | undefined
}

/** What a request means. */
export const scimMeaning = (request: ScimRequest): Meaning => {
  const { method, path, body, response } = request
  const { endpoint, id } = resourceAt(path)
  const kind = kinds.get(endpoint)
  const access = accessOfMethod(method)
  // spec: Clients MAY execute queries without passing parameters on the URL by using the HTTP POST verb combined with the
  // "/.search" path extension.
  const isRead = access === 'access.read' || path.includes('/.search')
  if (endpoint === 'Bulk') return bulk(path, body)
  if (kind === undefined || isRead)
    return { action: isRead ? 'access.read' : access, target: { type: kind ?? 'path', id: id ?? path }, involved: [] }
  const target = resource(kind, id ?? textAt(response, 'id') ?? textAt(body, 'externalId'), body)
  const after = objectOf(body)
  switch (method) {
    case 'POST':
      return { action: `${kind}.create`, target, involved: membersIn(at(body, 'members')), after }
    case 'PUT': {
      const isOff = kind === 'user' && isFalse(at(body, 'active'))
      return {
        action: isOff ? 'user.disable' : `${kind}.update`,
        target,
        involved: membersIn(at(body, 'members')),
        after,
      }
    }
    case 'PATCH':
      return patch(kind, target, listOf(at(body, 'Operations') ?? at(body, 'operations')).map(operationOf))
    case 'DELETE':
      return { action: `${kind}.delete`, target, involved: [] }
    default:
      return { action: access, target, involved: [] }
  }
}

const kinds: ReadonlyMap<string, 'user' | 'group' | 'role'> = new Map([
  ['Users', 'user'],
  ['Me', 'user'],
  ['Groups', 'group'],
  ['Roles', 'role'],
])

const ENDPOINT = /\/(Users|Groups|Roles|Me|Bulk)(?:\/([^/?#]+))?(?:[/?#]|$)/

/** The endpoint behind any base path, and the id of the resource. */
const resourceAt = (path: string): { readonly endpoint: string; readonly id: string | undefined } => {
  const [, endpoint = '', id] = ENDPOINT.exec(path) ?? []
  return { endpoint, id: id === '.search' ? undefined : id }
}

const resource = (type: string, id: Loose, body: Loose): ThingDraft => {
  const emails = listOf(at(body, 'emails'))
  const primary = emails.find((one) => textAt(one, 'primary') === 'true') ?? emails[0]
  return { type, id, name: textAt(body, 'userName') ?? textAt(body, 'displayName'), email: textAt(primary, 'value') }
}

const membersIn = (list: Loose): readonly ThingDraft[] =>
  (Array.isArray(list) ? listOf(list) : list === undefined ? [] : [list]).flatMap((member) => {
    const id = textAt(member, 'value') ?? textOf(member)
    if (id === undefined) return []
    return [{ type: textAt(member, 'type') === 'Group' ? 'group' : 'user', id, name: textAt(member, 'display') }]
  })

interface Operation {
  /** In lower case: some clients write Add. */
  readonly op: string
  readonly path: string
  readonly value: Loose
}

const operationOf = (operation: Loose): Operation => ({
  op: (textAt(operation, 'op') ?? '').toLowerCase(),
  path: textAt(operation, 'path') ?? '',
  value: at(operation, 'value'),
})

/** Some clients write booleans as strings. */
const isFalse = (value: Loose): boolean => /^false$/i.test(textOf(value) ?? '')

const patch = (kind: string, target: ThingDraft, operations: readonly Operation[]): Meaning => {
  const after = Object.fromEntries(operations.flatMap(stateOf))
  if (kind === 'user') return { ...patchedUser(operations), target, after }
  const about = operations.filter(({ path }) => /^members\b/i.test(path))
  const involved = about.flatMap(({ path, value }) => [...membersIn(value), ...filteredMember(path)])
  const ops = new Set(about.map(({ op }) => op))
  const isAll = about.length === operations.length && ops.size === 1
  if (kind === 'group' && isAll && ops.has('add')) return { action: 'group.member.add', target, involved, after }
  if (kind === 'group' && isAll && ops.has('remove')) return { action: 'group.member.remove', target, involved, after }
  return { action: `${kind}.update`, target, involved, after }
}

/** The most telling of its operations: one request is one event. */
const patchedUser = (operations: readonly Operation[]): Pick<Meaning, 'action' | 'involved'> => {
  const valueAt = (name: string): Loose =>
    operations
      .map(({ path, value }) => (path.toLowerCase() === name ? value : path === '' ? at(value, name) : undefined))
      .find((one) => one !== undefined)
  const active = valueAt('active')
  if (active !== undefined) return { action: isFalse(active) ? 'user.disable' : 'user.enable', involved: [] }
  const role = operations.find(({ path }) => /^roles\b/i.test(path))
  if (role !== undefined) {
    const involved = [...membersIn(role.value), ...filteredMember(role.path)].map(({ id }) => ({ type: 'role', id }))
    return { action: role.op === 'remove' ? 'user.role.remove' : 'user.role.assign', involved }
  }
  return { action: valueAt('password') === undefined ? 'user.update' : 'user.password.reset', involved: [] }
}

/** `members[value eq "u_1"]` */
const filteredMember = (path: string): readonly ThingDraft[] => {
  const id = /\[\s*value\s+eq\s+"([^"]+)"\s*\]/i.exec(path)?.[1]
  return id === undefined ? [] : [{ type: 'user', id }]
}

const stateOf = ({ op, path, value }: Operation): readonly (readonly [string, NonNullable<Loose>])[] => {
  if (op === 'remove' || value === undefined || value === null) return []
  if (path !== '') return [[path, value]]
  return Object.entries(objectOf(value) ?? {}).map(([name, one]) => [name, one ?? ''])
}

/** Many requests in one: they are listed, and `raw` has them in full. */
const bulk = (path: string, body: Loose): Meaning => ({
  action: 'custom.scim.bulk',
  target: { type: 'path', id: path },
  involved: [],
  after: { operations: listOf(at(body, 'Operations')).map((one) => `${textAt(one, 'method')} ${textAt(one, 'path')}`) },
})
