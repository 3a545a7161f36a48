/** CloudTrail: records by name with the events in full, and all of a real account's records. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cloudtrail } from '../../../src/audit/sources/cloudtrail.ts'
import type { AuditEvent } from '../../../src/event/event.ts'
import { shared } from '../../support/shared.ts'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

/** Somebody of the account 111122223333. */
const alice = {
  type: 'IAMUser',
  principalId: 'AIDAEXAMPLE',
  arn: 'arn:aws:iam::111122223333:user/alice',
  accountId: '111122223333',
  accessKeyId: 'AKIAEXAMPLE',
  userName: 'alice',
}

const record = (members: Members): Members => ({
  eventVersion: '1.11',
  userIdentity: alice,
  eventTime: '2026-11-20T21:47:00Z',
  eventSource: 'iam.amazonaws.com',
  awsRegion: 'us-east-1',
  sourceIPAddress: '192.0.2.7',
  userAgent: 'aws-cli/2.31',
  requestParameters: null,
  responseElements: null,
  requestID: 'b0a1',
  eventID: '6d3c8c1e-0000-4000-8000-000000000001',
  readOnly: false,
  eventType: 'AwsApiCall',
  recipientAccountId: '111122223333',
  ...members,
})

const iam = (eventName: string, requestParameters: Members, more: Members = {}): Members =>
  record({ eventName, requestParameters, ...more })

/** What all of these records become, but for what is said. */
const event = (members: Members): Members => ({
  id: '6d3c8c1e-0000-4000-8000-000000000001',
  time: '2026-11-20T21:47:00Z',
  outcome: 'success',
  actor: { type: 'user', id: 'arn:aws:iam::111122223333:user/alice', name: 'alice', session: 'AKIAEXAMPLE' },
  source: { ip: '192.0.2.7', ua: 'aws-cli/2.31' },
  service: 'iam.amazonaws.com',
  corr: 'b0a1',
  src_id: '6d3c8c1e-0000-4000-8000-000000000001',
  ...members,
})

const bob = { type: 'user', id: 'arn:aws:iam::111122223333:user/bob', name: 'bob' }
const admins = { type: 'group', id: 'arn:aws:iam::111122223333:group/admins', name: 'admins' }
const deploy = { type: 'role', id: 'arn:aws:iam::111122223333:role/deploy', name: 'deploy' }
const adminAccess = { type: 'policy', id: 'arn:aws:iam::aws:policy/AdministratorAccess' }

const filed = (...records: readonly Members[]) => delivery(JSON.stringify({ Records: records }))

describe('records and their events', () => {
  const rows: readonly (readonly [name: string, record: Members, event: Members])[] = [
    [
      'a user is created, with a path',
      iam(
        'CreateUser',
        { userName: 'bob', path: '/eng/' },
        {
          responseElements: {
            user: { userName: 'bob', userId: 'AIDA2', arn: 'arn:aws:iam::111122223333:user/eng/bob' },
          },
        },
      ),
      event({
        action: 'user.create',
        target: { type: 'user', id: 'arn:aws:iam::111122223333:user/eng/bob', name: 'bob' },
        after: { userName: 'bob', path: '/eng/' },
        msg: 'iam:CreateUser',
      }),
    ],
    [
      'a user is deleted',
      iam('DeleteUser', { userName: 'bob' }),
      event({ action: 'user.delete', target: bob, msg: 'iam:DeleteUser' }),
    ],
    [
      'a policy is attached to a user',
      iam('AttachUserPolicy', { userName: 'bob', policyArn: adminAccess.id }),
      event({
        action: 'user.policy.attach',
        target: bob,
        with: [adminAccess],
        after: { userName: 'bob', policyArn: adminAccess.id },
        msg: 'iam:AttachUserPolicy',
      }),
    ],
    [
      'a call that is denied changes nothing',
      iam(
        'PutRolePolicy',
        { roleName: 'deploy', policyName: 'all', policyDocument: '{}' },
        {
          errorCode: 'AccessDenied',
          errorMessage: 'User: alice is not authorized',
        },
      ),
      event({
        action: 'role.policy.attach',
        outcome: 'denied',
        target: deploy,
        with: [{ type: 'policy', id: 'all' }],
        reason: 'AccessDenied: User: alice is not authorized',
        msg: 'iam:PutRolePolicy',
      }),
    ],
    [
      'a call that fails',
      iam('DeleteRole', { roleName: 'deploy' }, { errorCode: 'DeleteConflictException' }),
      event({
        action: 'role.delete',
        outcome: 'failure',
        target: deploy,
        reason: 'DeleteConflictException',
        msg: 'iam:DeleteRole',
      }),
    ],
    [
      'a member is added to a group',
      iam('AddUserToGroup', { userName: 'bob', groupName: 'admins' }),
      event({
        action: 'group.member.add',
        target: admins,
        with: [bob],
        after: { userName: 'bob', groupName: 'admins' },
        msg: 'iam:AddUserToGroup',
      }),
    ],
    [
      'a key for oneself, whose name need not be given',
      record({
        eventName: 'CreateAccessKey',
        responseElements: { accessKey: { accessKeyId: 'AKIA2', userName: 'alice' } },
      }),
      event({
        action: 'user.key.create',
        target: { type: 'user', id: 'arn:aws:iam::111122223333:user/alice', name: 'alice' },
        msg: 'iam:CreateAccessKey',
      }),
    ],
    [
      'a key is switched off',
      iam('UpdateAccessKey', { userName: 'bob', status: 'Inactive', accessKeyId: 'AKIA2' }),
      event({ action: 'user.key.revoke', target: bob, msg: 'iam:UpdateAccessKey' }),
    ],
    [
      'a policy is created in China',
      iam('CreatePolicy', { policyName: 'p' }, { awsRegion: 'cn-north-1' }),
      event({
        action: 'policy.create',
        target: { type: 'policy', id: 'arn:aws-cn:iam::111122223333:policy/p', name: 'p' },
        after: { policyName: 'p' },
        msg: 'iam:CreatePolicy',
      }),
    ],
    [
      'reading a user is about that user',
      iam('GetUser', { userName: 'bob' }, { readOnly: true }),
      event({ action: 'access.read', target: bob, msg: 'iam:GetUser' }),
    ],
    [
      'the root user signs in',
      record({
        eventSource: 'signin.amazonaws.com',
        eventName: 'ConsoleLogin',
        eventType: 'AwsConsoleSignIn',
        userIdentity: {
          type: 'Root',
          principalId: '111122223333',
          arn: 'arn:aws:iam::111122223333:root',
          accountId: '111122223333',
        },
        responseElements: { ConsoleLogin: 'Success' },
      }),
      event({
        action: 'auth.login',
        actor: { type: 'admin', id: 'arn:aws:iam::111122223333:root', name: 'root' },
        target: { type: 'user', id: 'arn:aws:iam::111122223333:root', name: 'root' },
        service: 'signin.amazonaws.com',
        msg: 'signin:ConsoleLogin',
      }),
    ],
    [
      'a sign-in fails: no code, no ARN',
      record({
        eventSource: 'signin.amazonaws.com',
        eventName: 'ConsoleLogin',
        userIdentity: { type: 'IAMUser', principalId: '', accountId: '111122223333', accessKeyId: '', userName: 'bob' },
        responseElements: { ConsoleLogin: 'Failure' },
        errorMessage: 'Failed authentication',
      }),
      event({
        action: 'auth.login',
        outcome: 'failure',
        actor: bob,
        target: bob,
        reason: 'Failed authentication',
        service: 'signin.amazonaws.com',
        msg: 'signin:ConsoleLogin',
      }),
    ],
    [
      'a switch of roles in the console',
      record({
        eventSource: 'signin.amazonaws.com',
        eventName: 'SwitchRole',
        responseElements: { SwitchRole: 'Success' },
        additionalEventData: { SwitchTo: 'arn:aws:iam::444455556666:role/ops' },
      }),
      event({
        action: 'auth.impersonate',
        target: { type: 'role', id: 'arn:aws:iam::444455556666:role/ops' },
        service: 'signin.amazonaws.com',
        msg: 'signin:SwitchRole',
      }),
    ],
    [
      'something else of the sign-in service',
      record({ eventSource: 'signin.amazonaws.com', eventName: 'CheckMfa', responseElements: { CheckMfa: 'Success' } }),
      event({
        action: 'custom.cloudtrail.checkmfa',
        target: { type: 'service', id: 'signin.amazonaws.com' },
        service: 'signin.amazonaws.com',
        msg: 'signin:CheckMfa',
      }),
    ],
    [
      'a role is assumed by a service',
      record({
        eventSource: 'sts.amazonaws.com',
        eventName: 'AssumeRole',
        readOnly: true,
        userIdentity: { type: 'AWSService', invokedBy: 'ec2.amazonaws.com' },
        sourceIPAddress: 'ec2.amazonaws.com',
        userAgent: 'ec2.amazonaws.com',
        requestParameters: { roleArn: deploy.id, roleSessionName: 'i-1' },
        responseElements: { credentials: { accessKeyId: 'ASIA', sessionToken: 'secret' } },
      }),
      event({
        action: 'session.grant',
        actor: { type: 'service', id: 'ec2.amazonaws.com' },
        target: deploy,
        after: { roleArn: deploy.id, roleSessionName: 'i-1' },
        source: { ua: 'ec2.amazonaws.com', app: 'ec2.amazonaws.com' },
        service: 'sts.amazonaws.com',
        msg: 'sts:AssumeRole',
      }),
    ],
    [
      'a person by single sign-on, in a role',
      record({
        eventSource: 's3.amazonaws.com',
        eventName: 'DeleteBucket',
        userIdentity: {
          type: 'AssumedRole',
          principalId: 'AROA1:bob@example.com',
          arn: 'arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0f/bob@example.com',
          accountId: '111122223333',
          accessKeyId: 'ASIA1',
          sessionContext: {
            sessionIssuer: {
              type: 'Role',
              arn: 'arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0f',
              userName: 'AWSReservedSSO_Admin_0f',
            },
          },
        },
        requestParameters: { bucketName: 'b', Host: 'b.s3.amazonaws.com' },
        resources: [{ accountId: '111122223333', type: 'AWS::S3::Bucket', ARN: 'arn:aws:s3:::b' }],
      }),
      event({
        action: 'access.delete',
        actor: {
          type: 'user',
          id: 'arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0f/bob@example.com',
          name: 'bob@example.com',
          session: 'ASIA1',
          on_behalf_of: {
            type: 'role',
            id: 'arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0f',
            name: 'AWSReservedSSO_Admin_0f',
          },
        },
        target: { type: 's3-bucket', id: 'arn:aws:s3:::b' },
        service: 's3.amazonaws.com',
        msg: 's3:DeleteBucket',
      }),
    ],
    [
      'what a call makes is in its answer, and several are all kept',
      record({
        eventSource: 'ec2.amazonaws.com',
        eventName: 'RunInstances',
        requestParameters: { instancesSet: { items: [{ imageId: 'ami-1', minCount: 2 }] } },
        responseElements: { requestId: 'r', instancesSet: { items: [{ instanceId: 'i-1' }, { instanceId: 'i-2' }] } },
      }),
      event({
        action: 'access.create',
        target: { type: 'instance', id: 'i-1' },
        with: [{ type: 'instance', id: 'i-2' }],
        after: { instancesSet: { items: [{ imageId: 'ami-1', minCount: 2 }] } },
        service: 'ec2.amazonaws.com',
        msg: 'ec2:RunInstances',
      }),
    ],
    [
      'the group of a firewall is none of people',
      record({
        eventSource: 'ec2.amazonaws.com',
        eventName: 'AuthorizeSecurityGroupIngress',
        requestParameters: { groupId: 'sg-1' },
        errorCode: 'Client.UnauthorizedOperation',
      }),
      event({
        action: 'access.update',
        outcome: 'denied',
        target: { type: 'ec2-group', id: 'sg-1' },
        reason: 'Client.UnauthorizedOperation',
        service: 'ec2.amazonaws.com',
        msg: 'ec2:AuthorizeSecurityGroupIngress',
      }),
    ],
    [
      'a denial without parameters names what was wanted',
      record({
        eventSource: 'sts.amazonaws.com',
        eventName: 'AssumeRole',
        readOnly: true,
        errorCode: 'AccessDenied',
        errorMessage: `User: x is not authorized to perform: sts:AssumeRole on resource: ${deploy.id}`,
      }),
      event({
        action: 'session.grant',
        outcome: 'denied',
        target: deploy,
        reason: `AccessDenied: User: x is not authorized to perform: sts:AssumeRole on resource: ${deploy.id}`,
        service: 'sts.amazonaws.com',
        msg: 'sts:AssumeRole',
      }),
    ],
    [
      'an old record that does not say whether it reads',
      record({
        eventSource: 'kms.amazonaws.com',
        eventName: 'ListKeys',
        readOnly: undefined,
        userIdentity: { type: 'Unknown' },
      }),
      event({
        action: 'access.read',
        actor: { type: 'anonymous' },
        target: { type: 'service', id: 'kms.amazonaws.com' },
        service: 'kms.amazonaws.com',
        msg: 'kms:ListKeys',
      }),
    ],
    [
      'an insight, which is no call',
      record({
        eventType: 'AwsCloudTrailInsight',
        eventSource: undefined,
        userIdentity: undefined,
        readOnly: undefined,
      }),
      event({
        action: 'custom.cloudtrail.awscloudtrailinsight',
        actor: { type: 'anonymous' },
        target: { type: 'service', id: 'unknown' },
        service: undefined,
        msg: 'aws:unknown',
      }),
    ],
  ]
  it.each(rows)('[SRC-10] %s', (_, one, want) => {
    expect(outcomesOf('cloudtrail', filed(one))).toEqual([want])
  })
})

describe('bodies', () => {
  const text = JSON.stringify(iam('DeleteUser', { userName: 'bob' }))

  it('[SRC-2] a record keeps its bytes, space and all', () => {
    const spaced = text.replaceAll(',"', ' ,\n\t"')
    expect(rawOf('cloudtrail', delivery(`\n{ "Records" : [ ${spaced} , ${text}] , "x": 1 }\n`))).toEqual([spaced, text])
    expect(rawOf('cloudtrail', delivery('{"Records":[]}'))).toEqual([])
  })

  it('[SRC-10] are files, bare records, and events of EventBridge', () => {
    const wrapped = `{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","detail":${text}}`
    expect(rawOf('cloudtrail', delivery(wrapped))).toEqual([text])
    expect(rawOf('cloudtrail', delivery(text))).toEqual([text])
    expect(outcomesOf('cloudtrail', delivery(wrapped))).toEqual(
      outcomesOf('cloudtrail', filed(JSON.parse(text) as Members)),
    )
  })

  it('[SRC-10] notifications of S3 are kept apart: somebody who may has to fetch the objects', () => {
    const s3 = { bucket: { name: 'trail' }, object: { key: 'AWSLogs/1.json.gz' } }
    const notification = filed({ eventVersion: '2.3', eventSource: 'aws:s3', eventName: 'ObjectCreated:Put', s3 })
    expect(outcomesOf('cloudtrail', notification)).toEqual(['quarantine: notification'])
    const bridged = { 'detail-type': 'Object Created', source: 'aws.s3', detail: s3 }
    expect(outcomesOf('cloudtrail', delivery(JSON.stringify(bridged)))).toEqual(['quarantine: notification'])
  })

  it('[SRC-1] a record without id or time is kept apart, the others become events', () => {
    const good = iam('DeleteUser', { userName: 'bob' })
    const items = outcomesOf('cloudtrail', filed({ ...good, eventID: undefined }, good, { ...good, eventTime: 5 }))
    expect(items).toEqual([
      'quarantine: missing',
      expect.objectContaining({ action: 'user.delete' }),
      'quarantine: bad_value',
    ])
  })

  it('[SRC-9] the answer counts', () => {
    const items = cloudtrail.parse(filed(iam('DeleteUser', { userName: 'bob' }), {}))
    expect(cloudtrail.answer(items)).toEqual({
      status: 200,
      type: 'application/json',
      body: '{"events":1,"quarantined":1,"ignored":0}',
    })
  })
})

const folder = shared('data', 'cloudtrail')

describe.skipIf(folder === undefined)('1,233 records of a real account', () => {
  const files =
    folder === undefined
      ? []
      : readdirSync(folder)
          .filter((name) => name.endsWith('.json'))
          .toSorted()
  const bodies = files.map((name) => readFileSync(join(folder ?? '', name)))
  const items = bodies.flatMap((body) => cloudtrail.parse(delivery(body)))
  const events = items.flatMap((item) => (item.kind === 'event' ? [item.event] : []))
  const records = bodies.flatMap(
    (body) => (JSON.parse(body.toString()) as { readonly Records: readonly Members[] }).Records,
  )

  it('[SRC-1] become one event each, in order, with an id of its own', () => {
    expect(files).toHaveLength(28)
    expect(items.filter(({ kind }) => kind !== 'event')).toEqual([])
    expect(events.map(({ id }) => id)).toEqual(records.map((one) => one['eventID']))
    expect(new Set(events.map(({ id }) => id)).size).toBe(1_233)
  })

  it('[SRC-2] keep their bytes, which together with what is between them are the files', () => {
    const raws = items.map((item) => (item.kind === 'ignored' ? '' : Buffer.from(item.raw).toString()))
    expect(raws.map((raw) => JSON.parse(raw) as unknown)).toEqual(records)
    const between = bodies.map((body) => body.toString()).join('')
    expect(raws.reduce((rest, raw) => rest.replace(raw, () => ''), between)).toMatch(/^(?:\{"Records":\[,*\]\}\s*)+$/)
  })

  // Counted over the bytes of the files, not over what was parsed.
  const text = Buffer.concat(bodies).toString()
  const count = (pattern: RegExp): number => [...text.matchAll(pattern)].length
  const named = (...names: readonly string[]): number =>
    names.reduce(
      (sum, name) =>
        sum + count(new RegExp(`"eventSource":"(?:iam|signin|sts)\\.amazonaws\\.com","eventName":"${name}"`, 'g')),
      0,
    )
  const acted = (action: string): number => events.filter((one) => one.action === action).length

  const counts: readonly (readonly [action: string, names: readonly string[], atLeast: number])[] = [
    ['role.create', ['CreateRole'], 5],
    ['role.delete', ['DeleteRole'], 6],
    ['role.policy.attach', ['AttachRolePolicy', 'PutRolePolicy'], 5],
    ['role.policy.detach', ['DetachRolePolicy', 'DeleteRolePolicy'], 2],
    ['policy.create', ['CreatePolicy'], 1],
    ['policy.delete', ['DeletePolicy'], 1],
    ['user.delete', ['DeleteUser'], 2],
    ['user.update', ['DeleteLoginProfile'], 2],
    ['user.key.revoke', ['DeleteAccessKey'], 2],
    ['user.policy.detach', ['DetachUserPolicy'], 1],
    ['auth.login', ['ConsoleLogin'], 1],
    ['session.grant', ['AssumeRole'], 20],
  ]
  it.each(counts)('[SRC-10] as many are %s as the files name %j', (action, names, atLeast) => {
    expect(acted(action)).toBe(named(...names))
    expect(acted(action)).toBe(atLeast)
  })

  it('[SRC-10] no other action of identities is among them', () => {
    const others = events.filter(
      ({ action }) => !action.startsWith('access.') && !counts.some(([one]) => one === action),
    )
    expect(others).toEqual([])
  })

  it('[SRC-10] read only what AWS says only reads, and how it went is what the codes say', () => {
    const reads = (one: AuditEvent): boolean => one.action === 'access.read' || one.msg === 'sts:AssumeRole'
    expect(events.filter(reads)).toHaveLength(count(/"readOnly":true/g))
    const outcomes = (outcome: string): number => events.filter((one) => one.outcome === outcome).length
    const denied = count(/"errorCode":"(?:AccessDenied|Client\.UnauthorizedOperation)"/g)
    expect(outcomes('denied')).toBe(denied)
    expect(outcomes('failure')).toBe(records.filter((one) => one['errorCode'] !== undefined).length - denied)
    expect(denied).toBe(30)
  })

  it('[SRC-10] name whom they are about: no user, role, group or policy without its ARN, but inline policies', () => {
    const named = events.flatMap(({ target, with: involved = [] }) => [target, ...involved])
    const bare = named.filter(
      ({ type, id }) => ['user', 'role', 'group', 'policy'].includes(type) && !String(id).startsWith('arn:'),
    )
    const inline = named.length === 0 ? 0 : count(/"eventName":"(?:PutRolePolicy|DeleteRolePolicy)"/g)
    expect(bare).toHaveLength(inline)
    expect(bare.every(({ type }) => type === 'policy')).toBe(true)
  })
})
