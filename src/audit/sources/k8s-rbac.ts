/** What a request to the Kubernetes API means: roles, bindings and service accounts by the vocabulary, the rest as access. */
import type { JsonObject } from '../../event/strict-json.ts'
import { customAction } from './fit.ts'
import { at, type Loose, listOf, objectOf, textAt } from './foreign-json.ts'
import type { ThingDraft } from './item.ts'

/** An event's part that depends on the resource. */
export interface Meaning {
  readonly action: string
  readonly target: ThingDraft
  readonly involved: readonly ThingDraft[]
  /** What the state is after it, where it is about rights. */
  readonly after: JsonObject | undefined
}

/** What the request of an audit event does to what. */
export const kubernetesMeaning = (event: JsonObject): Meaning => {
  const verb = (textAt(event, 'verb') ?? '').toLowerCase()
  const reference = at(event, 'objectRef')
  const resource = textAt(reference, 'resource')
  const change = changes.get(verb)
  if (resource !== undefined && change !== undefined) {
    if (textAt(reference, 'apiGroup') === 'rbac.authorization.k8s.io') {
      if (/^(?:cluster)?roles$/.test(resource)) return ofRole(event, change)
      if (/^(?:cluster)?rolebindings$/.test(resource)) return ofBinding(event, change)
    }
    if (resource === 'serviceaccounts') return ofServiceAccount(event, change)
  }
  // Reviews are made to be answered: nothing is created.
  const action = resource?.endsWith('reviews') ? 'access.read' : verbs.get(verb)
  return {
    action: action ?? customAction('k8s', verb === '' ? undefined : verb),
    target: resource === undefined ? pathOf(event) : { type: resource, id: nameIn(event), name: nameOf(event) },
    involved: [],
    after: undefined,
  }
}

type Change = 'create' | 'update' | 'delete'

const changes: ReadonlyMap<string, Change> = new Map([
  ['create', 'create'],
  ['update', 'update'],
  ['patch', 'update'],
  ['delete', 'delete'],
  ['deletecollection', 'delete'],
])

const verbs: ReadonlyMap<string, string> = new Map([
  ...[...changes].map(([verb, change]) => [verb, `access.${change}`] as const),
  ...['get', 'list', 'watch', 'head', 'options'].map((verb) => [verb, 'access.read'] as const),
  ['post', 'access.create'],
  ['put', 'access.update'],
  ['connect', 'access.update'],
])

/** The name in the request, or the one that the server made up. */
const nameOf = (event: JsonObject): string | undefined =>
  textAt(event, 'objectRef', 'name') ??
  textAt(event, 'responseObject', 'metadata', 'name') ??
  textAt(event, 'requestObject', 'metadata', 'name')

/** `namespace/name`; `*` for all there are. */
const nameIn = (event: JsonObject): string => {
  const namespace = textAt(event, 'objectRef', 'namespace')
  const name = nameOf(event) ?? '*'
  return namespace === undefined ? name : `${namespace}/${name}`
}

const pathOf = (event: JsonObject): ThingDraft => ({
  type: 'path',
  id: textAt(event, 'requestURI')?.replace(/\?.*$/s, ''),
})

const ofRole = (event: JsonObject, change: Change): Meaning => ({
  action: `role.${change}`,
  target: roleParty(textAt(event, 'objectRef', 'namespace'), nameOf(event) ?? '*'),
  involved: [],
  after: change === 'delete' ? undefined : picked(event, ['rules', 'aggregationRule']),
})

/** A role of the cluster goes by its name, one of a namespace by both. */
const roleParty = (namespace: string | undefined, name: string): ThingDraft => ({
  type: 'role',
  id: namespace === undefined ? name : `${namespace}/${name}`,
})

const ofBinding = (event: JsonObject, change: Change): Meaning => {
  const binding = { type: textAt(event, 'objectRef', 'resource')?.slice(0, -1), id: nameIn(event) }
  const object = stateOf(event)
  const subjects = listOf(at(object, 'subjects')).map(subjectParty)
  const named = textAt(object, 'roleRef', 'name')
  const isOfCluster = textAt(object, 'roleRef', 'kind') === 'ClusterRole'
  const namespace = isOfCluster ? undefined : textAt(event, 'objectRef', 'namespace')
  const roles = named === undefined ? [] : [roleParty(namespace, named)]
  const after = change === 'delete' ? undefined : picked(event, ['roleRef', 'subjects'])
  // Who was taken out of a binding that is changed, the event does not say.
  if (change === 'update') return { action: 'role.update', target: binding, involved: [...roles, ...subjects], after }
  const [first, ...others] = subjects
  const owner = first?.type === 'group' ? 'group' : 'user'
  const action = `${owner}.role.${change === 'create' ? 'assign' : 'remove'}`
  // Below the level Request the subjects are not there, and the binding stands for them.
  return { action, target: first ?? binding, involved: [...roles, ...others], after }
}

const subjectParty = (subject: Loose): ThingDraft => {
  const name = textAt(subject, 'name')
  switch (textAt(subject, 'kind')) {
    case 'Group':
      return { type: 'group', id: name }
    case 'ServiceAccount':
      return accountParty(textAt(subject, 'namespace'), name)
    default:
      return { type: 'user', id: name }
  }
}

/** By the user name that it has when it acts. */
const accountParty = (namespace: string | undefined, name: string | undefined): ThingDraft => ({
  type: 'service',
  id: `system:serviceaccount:${namespace ?? ''}:${name ?? '*'}`,
})

const ofServiceAccount = (event: JsonObject, change: Change): Meaning => {
  const isToken = textAt(event, 'objectRef', 'subresource') === 'token'
  return {
    action: isToken ? 'user.key.create' : `user.${change}`,
    target: accountParty(textAt(event, 'objectRef', 'namespace'), nameOf(event)),
    involved: [],
    after: undefined,
  }
}

/** The object as it is now, or as it was asked for; a patch says only what changes. */
const stateOf = (event: JsonObject): Loose => {
  const answered = at(event, 'responseObject')
  return at(answered, 'roleRef') !== undefined || at(answered, 'rules') !== undefined
    ? answered
    : at(event, 'requestObject')
}

const picked = (event: JsonObject, names: readonly string[]): JsonObject | undefined => {
  const state = objectOf(stateOf(event)) ?? {}
  return Object.fromEntries(Object.entries(state).filter(([name]) => names.includes(name)))
}
