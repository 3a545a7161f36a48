/** What an admin event of Keycloak means, by the type of the resource, the operation and the path. */
import { customAction } from './fit.ts'
import { type Loose, listOf, textAt } from './foreign-json.ts'
import type { ThingDraft } from './item.ts'

/** What an admin event says of itself. */
export interface AdminEvent {
  readonly resource: string
  /** CREATE, UPDATE, DELETE or ACTION. */
  readonly operation: string
  /** Below the realm: `users/<id>/role-mappings/realm`. */
  readonly path: string
  /** The representation, parsed. */
  readonly state: Loose
}

/** The event's part that depends on the resource. */
export interface Meaning {
  readonly action: string
  readonly target: ThingDraft
  readonly involved?: readonly ThingDraft[]
}

/** What an admin event means. */
export const adminMeaning = (event: AdminEvent): Meaning => {
  const { resource, operation, path } = event
  const verb = verbs.get(operation)
  const [place = '', id, part, other] = path.split('/')
  switch (resource) {
    case 'USER':
      return ofUser(event, { verb, id, part })
    case 'GROUP':
      return { action: verb ? `group.${verb}` : acted(resource, part), target: named('group', id, event.state) }
    case 'GROUP_MEMBERSHIP':
      return {
        action: operation === 'DELETE' ? 'group.member.remove' : 'group.member.add',
        target: { type: 'group', id: other, name: textAt(event.state, 'name') },
        involved: [{ type: 'user', id }],
      }
    case 'REALM_ROLE':
    case 'CLIENT_ROLE':
      return { action: verb ? `role.${verb}` : acted(resource, part), target: roleAt(event) }
    case 'REALM_ROLE_MAPPING':
    case 'CLIENT_ROLE_MAPPING': {
      const owner = place === 'groups' ? 'group' : 'user'
      return {
        action: `${owner}.role.${operation === 'DELETE' ? 'remove' : 'assign'}`,
        target: { type: owner, id },
        involved: listOf(event.state).map(roleParty),
      }
    }
    case 'AUTHORIZATION_POLICY':
      return {
        action: verb ? `policy.${verb}` : acted(resource, part),
        target: named('policy', lastOf(path), event.state),
      }
    default:
      return { action: verb ? `access.${verb}` : acted(resource, part), target: named(resource, path, event.state) }
  }
}

const verbs: ReadonlyMap<string, 'create' | 'update' | 'delete'> = new Map([
  ['CREATE', 'create'],
  ['UPDATE', 'update'],
  ['DELETE', 'delete'],
])

const userActs: ReadonlyMap<string | undefined, string> = new Map([
  ['reset-password', 'user.password.reset'],
  ['logout', 'auth.logout'],
  ['impersonation', 'auth.impersonate'],
  ['credentials', 'user.update'],
])

interface UserPath {
  readonly verb: string | undefined
  readonly id: string | undefined
  readonly part: string | undefined
}

const ofUser = ({ resource, state }: AdminEvent, { verb, id, part }: UserPath): Meaning => {
  const target = {
    type: 'user',
    id: id ?? textAt(state, 'id'),
    name: textAt(state, 'username'),
    email: textAt(state, 'email'),
  }
  // What lies below a user (sessions, linked identities, credentials) is not the user.
  if (part !== undefined) return { action: userActs.get(part) ?? acted(resource, part), target }
  const isOff = verb === 'update' && textAt(state, 'enabled') === 'false'
  return { action: isOff ? 'user.disable' : verb ? `user.${verb}` : acted(resource, part), target }
}

const acted = (resource: string, part: string | undefined): string =>
  customAction('keycloak', part ?? `${resource}-action`)

const named = (type: string, id: string | undefined, state: Loose): ThingDraft => ({
  type,
  id: id ?? textAt(state, 'id'),
  name: textAt(state, 'name') ?? textAt(state, 'clientId'),
})

const lastOf = (path: string): string | undefined => path.split('/').at(-1)

/** `roles/<name>`, `clients/<client>/roles/<name>` or `roles-by-id/<id>`. */
const roleAt = ({ path, state }: AdminEvent): ThingDraft => {
  const [place, id, , name] = path.split('/')
  if (textAt(state, 'name') !== undefined && place !== 'clients') return roleParty(state)
  return place === 'clients'
    ? { type: 'role', id: `${id}/${name ?? textAt(state, 'name') ?? ''}` }
    : { type: 'role', id }
}

/** A role of the realm goes by its name, one of a client by both: ids are not in every path. */
const roleParty = (role: Loose): ThingDraft => {
  const name = textAt(role, 'name')
  const client = textAt(role, 'clientRole') === 'true' ? textAt(role, 'containerId') : undefined
  return { type: 'role', id: client === undefined ? (name ?? textAt(role, 'id')) : `${client}/${name}`, name }
}
