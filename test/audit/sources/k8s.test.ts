/** Kubernetes: audit events by name with the events in full. */
import { describe, expect, it } from 'vitest'
import { k8s } from '../../../src/audit/sources/k8s.ts'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

const audited = (members: Members): Members => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'RequestResponse',
  auditID: 'd4652481-193e-42f6-9b78-f8651cab5dfe',
  stage: 'ResponseComplete',
  user: { username: 'jdoe', groups: ['dev', 'system:authenticated'] },
  sourceIPs: ['203.0.113.9', '192.0.2.7'],
  userAgent: 'kubectl/v1.34.0',
  responseStatus: { metadata: {}, code: 200 },
  requestReceivedTimestamp: '2026-11-20T21:47:00.382098Z',
  stageTimestamp: '2026-11-20T21:47:00.401234Z',
  annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
  ...members,
})

const event = (members: Members): Members => ({
  id: 'd4652481-193e-42f6-9b78-f8651cab5dfe/ResponseComplete',
  time: '2026-11-20T21:47:00.382098Z',
  outcome: 'success',
  actor: { type: 'user', id: 'jdoe' },
  source: { ip: '192.0.2.7', ua: 'kubectl/v1.34.0' },
  corr: 'd4652481-193e-42f6-9b78-f8651cab5dfe',
  src_id: 'd4652481-193e-42f6-9b78-f8651cab5dfe',
  ...members,
})

const rbac = { apiGroup: 'rbac.authorization.k8s.io', apiVersion: 'v1' }
const subjects = [
  { kind: 'User', name: 'anna' },
  { kind: 'ServiceAccount', name: 'ci', namespace: 'build' },
  { kind: 'Group', name: 'ops' },
]
const roleRef = { kind: 'ClusterRole', name: 'edit', apiGroup: 'rbac.authorization.k8s.io' }

const list = (...items: readonly Members[]) =>
  delivery(JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items }))

describe('audit events and their events', () => {
  const rows: readonly (readonly [name: string, audited: Members, event: Members | 'ignored'])[] = [
    [
      'a request that was received: the same one follows when it is done',
      audited({ stage: 'RequestReceived' }),
      'ignored',
    ],
    ['a watch that has begun', audited({ stage: 'ResponseStarted' }), 'ignored'],
    [
      'a pod is read',
      audited({
        verb: 'get',
        requestURI: '/api/v1/namespaces/web/pods/a?timeout=32s',
        objectRef: { resource: 'pods', namespace: 'web', name: 'a', apiVersion: 'v1' },
      }),
      event({
        action: 'access.read',
        target: { type: 'pods', id: 'web/a', name: 'a' },
        msg: 'get /api/v1/namespaces/web/pods/a',
      }),
    ],
    [
      'secrets are listed, which is denied',
      audited({
        verb: 'list',
        requestURI: '/api/v1/secrets',
        objectRef: { resource: 'secrets', apiVersion: 'v1' },
        responseStatus: { status: 'Failure', message: 'secrets is forbidden', reason: 'Forbidden', code: 403 },
        annotations: { 'authorization.k8s.io/decision': 'forbid' },
      }),
      event({
        action: 'access.read',
        outcome: 'denied',
        target: { type: 'secrets', id: '*' },
        reason: 'Forbidden: secrets is forbidden',
        msg: 'list /api/v1/secrets',
      }),
    ],
    [
      'a path without a resource, by nobody',
      audited({
        verb: 'get',
        requestURI: '/version?a=b',
        user: { username: 'system:anonymous' },
        responseStatus: { code: 401 },
      }),
      event({
        action: 'access.read',
        outcome: 'denied',
        actor: { type: 'anonymous' },
        target: { type: 'path', id: '/version' },
        msg: 'get /version',
      }),
    ],
    [
      'the server panics',
      audited({
        stage: 'Panic',
        verb: 'patch',
        requestURI: '/x',
        objectRef: { resource: 'nodes', name: 'n' },
        responseStatus: undefined,
      }),
      event({
        id: 'd4652481-193e-42f6-9b78-f8651cab5dfe/Panic',
        action: 'access.update',
        outcome: 'failure',
        target: { type: 'nodes', id: 'n', name: 'n' },
        msg: 'patch /x',
      }),
    ],
    [
      'a role of the cluster is created',
      audited({
        verb: 'create',
        requestURI: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
        user: { username: 'root', groups: ['system:masters'] },
        objectRef: { ...rbac, resource: 'clusterroles', name: 'reader' },
        requestObject: {
          kind: 'ClusterRole',
          metadata: { name: 'reader' },
          rules: [{ verbs: ['get'], resources: ['pods'] }],
        },
        responseStatus: { code: 201 },
      }),
      event({
        action: 'role.create',
        actor: { type: 'admin', id: 'root' },
        target: { type: 'role', id: 'reader' },
        after: { rules: [{ verbs: ['get'], resources: ['pods'] }] },
        msg: 'create /apis/rbac.authorization.k8s.io/v1/clusterroles',
      }),
    ],
    [
      'a role is bound: to the first subject, the others are involved',
      audited({
        verb: 'create',
        requestURI: '/rb',
        objectRef: { ...rbac, resource: 'rolebindings', namespace: 'web', name: 'editors' },
        requestObject: { kind: 'RoleBinding', subjects, roleRef },
        responseStatus: { code: 201 },
      }),
      event({
        action: 'user.role.assign',
        target: { type: 'user', id: 'anna' },
        with: [
          { type: 'role', id: 'edit' },
          { type: 'service', id: 'system:serviceaccount:build:ci' },
          { type: 'group', id: 'ops' },
        ],
        after: { subjects, roleRef },
        msg: 'create /rb',
      }),
    ],
    [
      'a role of a namespace is taken from a group',
      audited({
        verb: 'delete',
        requestURI: '/rb',
        objectRef: { ...rbac, resource: 'rolebindings', namespace: 'web', name: 'editors' },
        responseObject: { subjects: [{ kind: 'Group', name: 'ops' }], roleRef: { kind: 'Role', name: 'edit' } },
      }),
      event({
        action: 'group.role.remove',
        target: { type: 'group', id: 'ops' },
        with: [{ type: 'role', id: 'web/edit' }],
        msg: 'delete /rb',
      }),
    ],
    [
      'a binding at level Metadata stands for its subjects',
      audited({
        level: 'Metadata',
        verb: 'create',
        requestURI: '/rb',
        objectRef: { ...rbac, resource: 'clusterrolebindings', name: 'admins' },
        responseStatus: { code: 409, reason: 'AlreadyExists' },
      }),
      event({
        action: 'user.role.assign',
        outcome: 'failure',
        target: { type: 'clusterrolebinding', id: 'admins' },
        reason: 'AlreadyExists',
        msg: 'create /rb',
      }),
    ],
    [
      'a binding is changed',
      audited({
        verb: 'patch',
        requestURI: '/rb',
        objectRef: { ...rbac, resource: 'rolebindings', namespace: 'web', name: 'editors' },
        requestObject: { subjects: [] },
        responseObject: { metadata: { name: 'editors' }, subjects: [subjects[0]], roleRef },
      }),
      event({
        action: 'role.update',
        target: { type: 'rolebinding', id: 'web/editors' },
        with: [
          { type: 'role', id: 'edit' },
          { type: 'user', id: 'anna' },
        ],
        after: { subjects: [subjects[0]], roleRef },
        msg: 'patch /rb',
      }),
    ],
    [
      'a service account gets a token, asked for by another as an impersonator',
      audited({
        verb: 'create',
        requestURI: '/t',
        user: {
          username: 'system:serviceaccount:kube-system:operator',
          extra: { 'authentication.kubernetes.io/credential-id': ['JTI=7'] },
        },
        impersonatedUser: { username: 'anna' },
        objectRef: { resource: 'serviceaccounts', namespace: 'build', name: 'ci', subresource: 'token' },
        responseStatus: { code: 201 },
      }),
      event({
        action: 'user.key.create',
        actor: {
          type: 'service',
          id: 'system:serviceaccount:kube-system:operator',
          session: 'JTI=7',
          on_behalf_of: { type: 'user', id: 'anna' },
        },
        target: { type: 'service', id: 'system:serviceaccount:build:ci' },
        msg: 'create /t',
      }),
    ],
    [
      'a service account with a name of the server’s making',
      audited({
        verb: 'create',
        requestURI: '/sa',
        user: { username: 'system:node:n1' },
        objectRef: { resource: 'serviceaccounts', namespace: 'build' },
        responseObject: { metadata: { name: 'ci-x7' } },
        responseStatus: { code: 201 },
      }),
      event({
        action: 'user.create',
        actor: { type: 'system', id: 'system:node:n1' },
        target: { type: 'service', id: 'system:serviceaccount:build:ci-x7' },
        msg: 'create /sa',
      }),
    ],
    [
      'an annotation with the name of something of all objects hides nothing',
      audited({
        verb: 'create',
        requestURI: '/rb',
        objectRef: { ...rbac, resource: 'clusterrolebindings', name: 'x' },
        requestObject: {
          metadata: { annotations: { constructor: 'x' } },
          subjects: [{ ...subjects[0], constructor: 'x' }],
          roleRef,
        },
        responseStatus: { code: 201 },
      }),
      event({
        action: 'user.role.assign',
        target: { type: 'user', id: 'anna' },
        with: [{ type: 'role', id: 'edit' }],
        after: { subjects: [{ ...subjects[0], 'constructor ': 'x' }], roleRef },
        msg: 'create /rb',
      }),
    ],
    [
      'a review creates nothing',
      audited({
        verb: 'create',
        requestURI: '/r',
        objectRef: { resource: 'subjectaccessreviews', apiGroup: 'authorization.k8s.io' },
      }),
      event({ action: 'access.read', target: { type: 'subjectaccessreviews', id: '*' }, msg: 'create /r' }),
    ],
    [
      'a verb that nobody knows',
      audited({ verb: 'Frob it', requestURI: '/x', responseStatus: undefined }),
      event({
        action: 'custom.k8s.frob-it',
        outcome: 'unknown',
        target: { type: 'path', id: '/x' },
        msg: 'Frob it /x',
      }),
    ],
  ]
  it.each(rows)('[SRC-11] %s', (_, one, want) => {
    expect(outcomesOf('k8s', list(one))).toEqual([want])
  })
})

describe('bodies', () => {
  const one = audited({ verb: 'get', requestURI: '/x' })

  it('[SRC-11] are lists and single events', () => {
    expect(rawOf('k8s', list(one, one))).toEqual([JSON.stringify(one), JSON.stringify(one)])
    expect(rawOf('k8s', delivery(JSON.stringify(one)))).toEqual([JSON.stringify(one)])
    expect(rawOf('k8s', delivery('{"kind":"EventList","items":null}'))).toEqual([])
    expect(() => outcomesOf('k8s', delivery('{"kind":"Status"}'))).toThrow(/want an EventList/)
    expect(() => outcomesOf('k8s', delivery('{"items":7}'))).toThrow(/want an array/)
  })

  it('[SRC-9] are answered by 200 and nothing', () => {
    expect(k8s.answer(k8s.parse(list(one, {})))).toEqual({ status: 200 })
  })
})
