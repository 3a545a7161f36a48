/** What the names of AWS API calls mean in the vocabulary (names: IAM, STS and sign-in API references). */
import { type Loose, textAt } from './foreign-json.ts'

/** A kind of thing of IAM, and the request parameter that names it. An inline policy is part of its owner and has no ARN. */
export type IamParty = readonly [type: 'user' | 'group' | 'role' | 'policy', parameter: string, inline?: 'inline']

/** What a call of IAM is. */
export interface IamRule {
  readonly action: string
  readonly target: IamParty
  /** What is given to or taken from the target. */
  readonly with?: IamParty
}

const user: IamParty = ['user', 'userName']
const group: IamParty = ['group', 'groupName']
const role: IamParty = ['role', 'roleName']
const policy: IamParty = ['policy', 'policyArn']
const managed: IamParty = ['policy', 'policyName']
const inline: IamParty = ['policy', 'policyName', 'inline']
const boundary: IamParty = ['policy', 'permissionsBoundary']

const on = (target: IamParty, action: string, ...names: readonly string[]): readonly (readonly [string, IamRule])[] =>
  names.map((name) => [name, { action, target }])

const between = (target: IamParty, involved: IamParty) => (name: string, action: string) =>
  [name, { action, target, with: involved }] as const

const rules: ReadonlyMap<string, IamRule> = new Map<string, IamRule>([
  ...on(user, 'user.create', 'CreateUser'),
  ...on(user, 'user.update', 'UpdateUser', 'TagUser', 'UntagUser', 'ResyncMFADevice', 'DeleteLoginProfile'),
  ...on(user, 'user.delete', 'DeleteUser'),
  ...on(user, 'user.password.reset', 'CreateLoginProfile', 'UpdateLoginProfile'),
  ...on(user, 'user.password.change', 'ChangePassword'),
  ...on(user, 'user.mfa.enable', 'EnableMFADevice'),
  ...on(user, 'user.mfa.disable', 'DeactivateMFADevice'),
  ...on(user, 'user.key.create', 'CreateAccessKey', 'UploadSSHPublicKey', 'UploadSigningCertificate'),
  ...on(user, 'user.key.create', 'CreateServiceSpecificCredential', 'ResetServiceSpecificCredential'),
  ...on(user, 'user.key.revoke', 'DeleteAccessKey', 'DeleteSSHPublicKey', 'DeleteSigningCertificate'),
  ...on(user, 'user.key.revoke', 'DeleteServiceSpecificCredential'),
  between(user, policy)('AttachUserPolicy', 'user.policy.attach'),
  between(user, policy)('DetachUserPolicy', 'user.policy.detach'),
  between(user, inline)('PutUserPolicy', 'user.policy.attach'),
  between(user, inline)('DeleteUserPolicy', 'user.policy.detach'),
  between(user, boundary)('PutUserPermissionsBoundary', 'user.policy.attach'),
  ...on(user, 'user.policy.detach', 'DeleteUserPermissionsBoundary'),
  ...on(group, 'group.create', 'CreateGroup'),
  ...on(group, 'group.update', 'UpdateGroup'),
  ...on(group, 'group.delete', 'DeleteGroup'),
  between(group, user)('AddUserToGroup', 'group.member.add'),
  between(group, user)('RemoveUserFromGroup', 'group.member.remove'),
  between(group, policy)('AttachGroupPolicy', 'group.privilege.grant'),
  between(group, policy)('DetachGroupPolicy', 'group.privilege.revoke'),
  between(group, inline)('PutGroupPolicy', 'group.privilege.grant'),
  between(group, inline)('DeleteGroupPolicy', 'group.privilege.revoke'),
  ...on(role, 'role.create', 'CreateRole', 'CreateServiceLinkedRole'),
  ...on(role, 'role.update', 'UpdateRole', 'UpdateRoleDescription', 'UpdateAssumeRolePolicy', 'TagRole', 'UntagRole'),
  ...on(role, 'role.delete', 'DeleteRole', 'DeleteServiceLinkedRole'),
  between(role, policy)('AttachRolePolicy', 'role.policy.attach'),
  between(role, policy)('DetachRolePolicy', 'role.policy.detach'),
  between(role, inline)('PutRolePolicy', 'role.policy.attach'),
  between(role, inline)('DeleteRolePolicy', 'role.policy.detach'),
  between(role, boundary)('PutRolePermissionsBoundary', 'role.policy.attach'),
  ...on(role, 'role.policy.detach', 'DeleteRolePermissionsBoundary'),
  ...on(managed, 'policy.create', 'CreatePolicy'),
  ...on(policy, 'policy.update', 'CreatePolicyVersion', 'DeletePolicyVersion', 'SetDefaultPolicyVersion'),
  ...on(policy, 'policy.update', 'TagPolicy', 'UntagPolicy'),
  ...on(policy, 'policy.delete', 'DeletePolicy'),
])

/** Calls that switch a key on or off, by the parameter `status`. */
const switches: ReadonlySet<string> = new Set([
  'UpdateAccessKey',
  'UpdateSSHPublicKey',
  'UpdateSigningCertificate',
  'UpdateServiceSpecificCredential',
])

/** What a call of IAM is; undefined for those that the vocabulary has nothing of its own for. */
export const iamRule = (name: string, parameters: Loose): IamRule | undefined => {
  if (!switches.has(name)) return rules.get(name)
  return { action: textAt(parameters, 'status') === 'Inactive' ? 'user.key.revoke' : 'user.update', target: user }
}

/** Whom a call of IAM without a rule is about: the first of these that its parameters name. */
export const iamParties: readonly IamParty[] = [user, role, group, policy]

const signIns: ReadonlyMap<string, string> = new Map([
  ['ConsoleLogin', 'auth.login'],
  ['UserAuthentication', 'auth.login'],
  ['SwitchRole', 'auth.impersonate'],
  ['ExitRole', 'auth.logout'],
  ['GetSigninToken', 'session.grant'],
  ['RenewRole', 'session.grant'],
  ['PasswordRecoveryRequested', 'custom.cloudtrail.passwordrecoveryrequested'],
  ['PasswordRecoveryCompleted', 'user.password.reset'],
  ['PasswordUpdated', 'user.password.change'],
])

/** What an event of the sign-in service is, where the vocabulary has something for it. */
export const signInAction = (name: string): string | undefined => signIns.get(name)

const grants: ReadonlySet<string> = new Set([
  'AssumeRole',
  'AssumeRoleWithSAML',
  'AssumeRoleWithWebIdentity',
  'AssumeRoot',
  'GetFederationToken',
  'GetSessionToken',
])

/** True for calls of the token service that give out credentials. */
export const isGrant = (name: string): boolean => grants.has(name)

const READ =
  /^(?:BatchGet|Check|Describe|Detect|Download|Get|Head|List|Lookup|Query|Scan|Search|Select|Simulate|Test|Verify)/
const CREATE =
  /^(?:Allocate|BatchCreate|Clone|Copy|Create|Generate|Import|Issue|Launch|Register|Request|Restore|Run|Upload)/
const DELETE = /^(?:BatchDelete|Delete|Deregister|Destroy|Purge|Release|Terminate)/

/** What any other call does to a resource, by the verb of its name and whether AWS says that it only reads. */
export const accessAction = (name: string, readOnly: Loose): string => {
  const text = String(readOnly)
  if (text === 'true' || (text !== 'false' && READ.test(name))) return 'access.read'
  if (CREATE.test(name)) return 'access.create'
  return DELETE.test(name) ? 'access.delete' : 'access.update'
}
