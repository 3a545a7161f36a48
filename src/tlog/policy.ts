/** Trust policies as files: which logs to believe, which witnesses there are, and the quorum (c2sp.org/tlog-policy). */
import { COSIGNATURE_V1, SUBTREE_V1 } from '../note/algorithm.ts'
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from '../note/key.ts'
import { decodeUtf8, encodeUtf8, equalBytes } from '../primitives/bytes.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'

/**
 * A name or URL of a policy: opaque octets, one per character (U+0000 to U+00FF), since the format gives them no
 * encoding. `octets('…')` makes one from text.
 */
export type Octets = string

/** A log whose checkpoints are believed; the name of its key is its origin. */
export interface PolicyLog {
  readonly key: VerifierKey
  readonly url?: Octets | undefined
}

/** A witness, under the name that groups and the quorum use for it. */
export interface PolicyWitness {
  readonly name: Octets
  readonly key: VerifierKey
  readonly url?: Octets | undefined
}

/** Witnesses a checkpoint when at least `threshold` of its members do. */
export interface PolicyGroup {
  readonly name: Octets
  readonly threshold: number
  /** Names of witnesses and of earlier groups. */
  readonly members: readonly Octets[]
}

/** A policy as its file says it; the order of each list is that of the file. */
export interface Policy {
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  readonly groups: readonly PolicyGroup[]
  /** Name of a witness or group, or `none`. */
  readonly quorum: Octets
}

/** The quorum that asks for no witness. */
export const NO_QUORUM: Octets = 'none'

/** More logs, witnesses or groups than this are refused; a note has no room for more signatures either. */
export const MAX_POLICY_ITEMS = 64

/** Longer policies are refused: enough for the keys, whatever their algorithm, and for comments. */
export const MAX_POLICY_BYTES = 1024 * 1024

/** Text as the octets that a policy file holds: its UTF-8. */
export const octets = (text: string): Octets => toOctets(encodeUtf8(text))

/**
 * Parses a policy file. Throws `malformed`, naming the line, for bad syntax, a name that is not defined before it is
 * used, a duplicate name, key or member, or not exactly one quorum; and `too_large` above the limits.
 */
export const parsePolicy = (file: string | Uint8Array): Policy => {
  const bytes = typeof file === 'string' ? encodeUtf8(file) : file
  if (bytes.length > MAX_POLICY_BYTES) {
    throw new TlogError('too_large', `a policy has at most ${MAX_POLICY_BYTES} bytes, got ${bytes.length}`)
  }
  const text = toOctets(bytes)
  // spec: each line is terminated by ASCII newline
  if (text !== '' && !text.endsWith('\n')) throw new TlogError('malformed', 'last line of the policy has no newline')
  const draft = new Draft()
  text.split('\n').forEach((line, i) => {
    try {
      readLine(draft, line)
    } catch (cause) {
      if (cause instanceof TlogError)
        throw new TlogError(cause.code, `policy line ${i + 1}: ${cause.message}`, { cause })
      throw cause
    }
  })
  return draft.finish()
}

/**
 * The canonical file of a policy: logs, witnesses, groups, quorum; single spaces, thresholds as numbers, no comments.
 * Throws as `parsePolicy` for a policy that it would refuse.
 */
export const formatPolicy = (policy: Policy): Uint8Array => {
  const lines = [
    ...policy.logs.map(({ key, url }) => ['log', vkeyOctets(key), url]),
    ...policy.witnesses.map(({ name, key, url }) => ['witness', name, vkeyOctets(key), url]),
    ...policy.groups.map(({ name, threshold, members }) => ['group', name, String(threshold), ...members]),
    ['quorum', policy.quorum],
  ]
  const bytes = fromOctets(lines.map(formatLine).join(''))
  parsePolicy(bytes)
  return bytes
}

/** A policy while its lines are read. */
class Draft {
  readonly logs: PolicyLog[] = []
  readonly witnesses: PolicyWitness[] = []
  readonly groups: PolicyGroup[] = []
  quorum: Octets | undefined
  // spec: Witnesses and groups share a single namespace.
  readonly defined = new Set<Octets>()
  readonly grouped = new Set<Octets>()

  finish(): Policy {
    // spec: A policy file must include exactly one quorum line.
    if (this.quorum === undefined) throw new TlogError('malformed', 'policy has no quorum line')
    const { logs, witnesses, groups, quorum } = this
    return { logs, witnesses, groups, quorum }
  }
}

const readLine = (draft: Draft, line: Octets): void => {
  // spec: the allowed octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, and 0x80-0xFF.
  if (!/^[\t -~\u0080-\u00ff]*$/.test(line)) throw new TlogError('malformed', 'policy has control characters')
  // spec: "whitespace", which in this specification means sequences of ASCII space and tab characters *only*.
  const [keyword, ...items] = line.split(/[ \t]+/).filter((item) => item !== '')
  if (keyword === undefined || keyword.startsWith('#')) return
  const read = lineReaders.get(keyword)
  if (read === undefined) throw new TlogError('malformed', 'want log, witness, group, quorum or a comment')
  read(draft, items)
}

const readLog = (draft: Draft, items: readonly Octets[]): void => {
  const [vkey, url] = items
  if (vkey === undefined || items.length > 2) throw new TlogError('malformed', 'want: log <vkey> [<url>]')
  const key = parseVkey(vkey)
  assertNewKey(draft, draft.logs, key)
  assertRoom(draft.logs)
  draft.logs.push({ key, ...(url !== undefined && { url }) })
}

const readWitness = (draft: Draft, items: readonly Octets[]): void => {
  const [name, vkey, url] = items
  if (name === undefined || vkey === undefined || items.length > 3) {
    throw new TlogError('malformed', 'want: witness <name> <vkey> [<url>]')
  }
  const key = parseVkey(vkey)
  // spec: Log and witness keys must use a signature type appropriate [for the] respective function
  if (key.algorithm !== COSIGNATURE_V1 && key.algorithm !== SUBTREE_V1) {
    throw new TlogError('malformed', `a witness has a key of type 0x04 or 0x06, got ${key.algorithm}`)
  }
  assertNewKey(draft, draft.witnesses, key)
  assertRoom(draft.witnesses)
  define(draft, name)
  draft.witnesses.push({ name, key, ...(url !== undefined && { url }) })
}

const readGroup = (draft: Draft, items: readonly Octets[]): void => {
  const [name, k, ...members] = items
  if (name === undefined || k === undefined || members.length === 0) {
    throw new TlogError('malformed', 'want: group <name> all|any|<k> <name>...')
  }
  for (const member of members) {
    // spec: a group definition can only refer to names defined on preceding lines.
    if (!draft.defined.has(member)) throw new TlogError('malformed', 'group has a member that is not defined above')
    // spec: Each defined name can be listed as a group member at most once.
    if (draft.grouped.has(member)) throw new TlogError('malformed', 'group has a member that is in a group already')
    draft.grouped.add(member)
  }
  const threshold = k === 'any' ? 1 : k === 'all' ? members.length : parseDecimal(k)
  // spec: it is required that 1 <= k <= n.
  if (threshold < 1 || threshold > members.length) {
    throw new TlogError('malformed', `want a threshold from 1 to ${members.length}, got ${threshold}`)
  }
  assertRoom(draft.groups)
  define(draft, name)
  draft.groups.push({ name, threshold, members })
}

const readQuorum = (draft: Draft, items: readonly Octets[]): void => {
  const [name] = items
  if (name === undefined || items.length > 1) throw new TlogError('malformed', 'want: quorum <name>')
  if (draft.quorum !== undefined) throw new TlogError('malformed', 'policy has two quorum lines')
  // spec: the name must be properly defined on a line preceding the quorum definition.
  if (name !== NO_QUORUM && !draft.defined.has(name)) {
    throw new TlogError('malformed', 'quorum is neither none nor defined above')
  }
  draft.quorum = name
}

const lineReaders: ReadonlyMap<string, (draft: Draft, items: readonly Octets[]) => void> = new Map([
  ['log', readLog],
  ['witness', readWitness],
  ['group', readGroup],
  ['quorum', readQuorum],
])

const define = (draft: Draft, name: Octets): void => {
  // spec: The special name `none` is predefined
  if (name === NO_QUORUM || draft.defined.has(name)) throw new TlogError('malformed', 'name is defined already')
  draft.defined.add(name)
}

// spec: Two vkeys are considered *duplicate* if they wrap the same underlying public key, even if they differ by key
// name and key id.
const assertNewKey = (draft: Draft, items: readonly { readonly key: VerifierKey }[], key: VerifierKey): void => {
  if (items.some((item) => equalBytes(item.key.publicKey, key.publicKey))) {
    throw new TlogError('malformed', `public key of ${key.name} is in the policy already`)
  }
  // The pair of name and key ID is all that a signature line says, so it must lead to one key. Whoever makes a key can
  // make its ID collide.
  const vkey = formatVerifierKey(key)
  for (const other of [...draft.logs, ...draft.witnesses]) {
    if (other.key.name === key.name && other.key.keyId === key.keyId && formatVerifierKey(other.key) !== vkey) {
      throw new TlogError('malformed', `two keys have the name and key ID of ${key.name}`)
    }
  }
}

const assertRoom = (items: readonly unknown[]): void => {
  if (items.length < MAX_POLICY_ITEMS) return
  throw new TlogError('too_large', `a policy has at most ${MAX_POLICY_ITEMS} logs, witnesses and groups each`)
}

const parseVkey = (item: Octets): VerifierKey => parseVerifierKey(decodeUtf8(fromOctets(item)))

const vkeyOctets = (key: VerifierKey): Octets => octets(formatVerifierKey(key))

// An item that is no token would be read back as something else.
const formatLine = (items: readonly (Octets | undefined)[]): Octets => {
  const present = items.filter((item) => item !== undefined)
  if (present.every((item) => /^[!-~\u0080-\u00ff]+$/.test(item))) return `${present.join(' ')}\n`
  throw new TlogError('malformed', 'names and URLs of a policy are octets without spaces and controls, and not empty')
}

const toOctets = (bytes: Uint8Array): Octets => {
  let text = ''
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return text
}

const fromOctets = (text: Octets): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))
