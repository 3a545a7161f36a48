/** What a request to Auth0's Management API does, by its method, path and body. */
import { at, type Loose, listOf, textAt, textOf } from './foreign-json.ts'
import { accessOfMethod } from './http-method.ts'
import type { ThingDraft } from './item.ts'

/** The event's part that the request tells. */
export interface Meaning {
  readonly action: string
  readonly target: ThingDraft
  readonly involved: readonly ThingDraft[]
}

/** The meaning of the `details` of a log event of the API. */
export const managementMeaning = (details: Loose): Meaning => {
  const request = at(details, 'request')
  const method = (textAt(request, 'method') ?? '').toUpperCase()
  const path = textAt(request, 'path') ?? ''
  const [collection = '', id, part] = segmentsOf(path)
  const body = at(request, 'body')
  const access = accessOfMethod(method)
  const given = method === 'DELETE' ? 'revoke' : 'grant'
  const assigned = method === 'DELETE' ? 'remove' : 'assign'
  const isRead = access === 'access.read'
  if (collection === 'users' && !isRead) {
    const target = {
      type: 'user',
      id: id ?? textAt(details, 'response', 'body', 'user_id'),
      name: textAt(body, 'name'),
      email: textAt(body, 'email'),
    }
    if (part === 'roles') return { action: `user.role.${assigned}`, target, involved: named('role', at(body, 'roles')) }
    if (part === 'permissions')
      return { action: `user.privilege.${given}`, target, involved: named('privilege', at(body, 'permissions')) }
    if (part === undefined) return { action: userAction(method, body), target, involved: [] }
    if (/^(?:multifactor|authenticators|authentication-methods)$/.test(part))
      return { action: method === 'DELETE' ? 'user.mfa.disable' : 'user.mfa.enable', target, involved: [] }
  }
  if (collection === 'roles' && !isRead) {
    const role = { type: 'role', id: id ?? textAt(details, 'response', 'body', 'id'), name: textAt(body, 'name') }
    const [first, ...others] = named('user', at(body, 'users'))
    if (part === 'users' && first !== undefined)
      return { action: `user.role.${assigned}`, target: first, involved: [role, ...others] }
    if (part === 'permissions')
      return { action: `role.privilege.${given}`, target: role, involved: named('privilege', at(body, 'permissions')) }
    if (part === undefined) return { action: access.replace('access.', 'role.'), target: role, involved: [] }
  }
  return { action: access, target: { type: collection.replace(/s$/, ''), id: id ?? path }, involved: [] }
}

/** Behind `/api/v2/`, without the query. */
const segmentsOf = (path: string): readonly string[] =>
  path
    .replace(/[?#].*$/s, '')
    .replace(/^\/?(?:api\/v2\/)?/, '')
    .split('/')
    .filter((segment) => segment !== '')
    .map(unescaped)

const unescaped = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

const userAction = (method: string, body: Loose): string => {
  if (method === 'POST') return 'user.create'
  if (method === 'DELETE') return 'user.delete'
  const blocked = textAt(body, 'blocked')
  if (blocked !== undefined) return blocked === 'true' ? 'user.disable' : 'user.enable'
  return at(body, 'password') === undefined ? 'user.update' : 'user.password.reset'
}

const named = (type: string, list: Loose): readonly ThingDraft[] =>
  listOf(list).map((one) => ({ type, id: textOf(one) ?? textAt(one, 'permission_name') ?? textAt(one, 'id') }))
