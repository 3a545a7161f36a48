/** The vocabulary of audit events: what can have happened, and how it went (spec/audit.md). */

/** The fifty actions that producers share. */
export const actions = [
  'user.create',
  'user.update',
  'user.delete',
  'user.enable',
  'user.disable',
  'user.lock',
  'user.unlock',
  'user.password.change',
  'user.password.reset',
  'user.policy.attach',
  'user.policy.detach',
  'user.mfa.enable',
  'user.mfa.disable',
  'user.privilege.grant',
  'user.privilege.revoke',
  'user.role.assign',
  'user.role.remove',
  'user.key.create',
  'user.key.revoke',
  'role.create',
  'role.update',
  'role.delete',
  'role.privilege.grant',
  'role.privilege.revoke',
  'role.policy.attach',
  'role.policy.detach',
  'group.create',
  'group.update',
  'group.delete',
  'group.member.add',
  'group.member.remove',
  'group.role.assign',
  'group.role.remove',
  'group.privilege.grant',
  'group.privilege.revoke',
  'auth.login',
  'auth.logout',
  'auth.impersonate',
  'session.grant',
  'policy.create',
  'policy.update',
  'policy.delete',
  'policy.enable',
  'policy.disable',
  'access.create',
  'access.read',
  'access.update',
  'access.delete',
  'log.export',
  'log.archive',
] as const

/** Further ones that producers may send: about events, states and cases. */
export const recordActions = ['event.correct', 'state.snapshot', 'log.note'] as const

/** Those that only the log itself makes. */
export const ownActions = [
  'source.gap',
  'source.silent',
  'source.heartbeat',
  'event.quarantine',
  'log.view',
  'log.admin',
  'privacy.erase',
] as const

/** How it went. `denied` is a decision of a policy, `failure` is everything else that did not work. */
export const outcomes = ['success', 'failure', 'denied', 'unknown'] as const

/** One of `outcomes`. */
export type Outcome = (typeof outcomes)[number]

const sendable: ReadonlySet<string> = new Set([...actions, ...recordActions])
const own: ReadonlySet<string> = new Set(ownActions)
const CUSTOM = /^custom\.[a-z0-9._-]{1,64}$/

/** True for what a producer may send: the vocabulary, records, and `custom.` with a name. */
export const isSendableAction = (text: string): boolean => sendable.has(text) || CUSTOM.test(text)

/** True for every action that an entry may have. */
export const isAction = (text: string): boolean => isSendableAction(text) || own.has(text)

/** True for actions whose entries carry particulars (`d`): those of the log itself, and its archiving. */
export const hasParticulars = (action: string): boolean => own.has(action) || action === 'log.archive'

/** True for an outcome. */
export const isOutcome = (text: string): text is Outcome => (outcomes as readonly string[]).includes(text)
