/** Event files: one event with its proof and as much of its payload as its presenter shows (spec/entry.md). */
import { decodeBase64, encodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { canonicalJson } from './canonical-json.ts'
import { type ByGroup, type Group, isGroup, type Opening } from './groups.ts'
import { isJsonObject, type Json, type JsonObject, MAX_DEPTH, parseStrictJson } from './strict-json.ts'

/** The media type. */
export const EVENT_FILE_TYPE = 'application/vnd.treehead.event+json'

const FORMAT = 'treehead/event@v1'

/** An entry of the log that says which payloads were erased, and its proof. */
export interface ErasedUnder {
  readonly leaf: Uint8Array
  /** The tlog-proof file of that entry. */
  readonly proof: Uint8Array
  /** The list that the entry commits to: the indices, each in eight bytes, ascending. */
  readonly indices: Uint8Array
}

/** What a file says about one group. */
export type Shown =
  | { readonly kind: 'shown'; readonly opening: Opening }
  | { readonly kind: 'withheld' }
  | { readonly kind: 'erased'; readonly under: ErasedUnder }

/** An event file, taken apart; nothing in it is verified. */
export interface EventFile {
  /** The entry, byte for byte. */
  readonly leaf: Uint8Array
  /** Its tlog-proof file. */
  readonly proof: Uint8Array
  readonly groups: ByGroup<Shown>
}

/** The bytes of an event file: JSON, indented for people. Throws `malformed` for openings that are no JSON. */
export const formatEventFile = ({ leaf, proof, groups }: EventFile): Uint8Array => {
  const shown = Object.entries(groups).map(([group, one]) => [group, formatShown(group as Group, one)])
  const file = {
    format: FORMAT,
    leaf: encodeBase64(leaf),
    proof: decodeUtf8(proof),
    groups: Object.fromEntries(shown) as JsonObject,
  }
  return encodeUtf8(`${JSON.stringify(file, undefined, 2)}\n`)
}

const formatShown = (group: Group, shown: Shown): Json => {
  switch (shown.kind) {
    case 'withheld':
      return 'withheld'
    case 'erased': {
      const { leaf, proof, indices } = shown.under
      return { erased: { leaf: encodeBase64(leaf), proof: decodeUtf8(proof), indices: encodeBase64(indices) } }
    }
    case 'shown': {
      const { salt, value } = shown.opening
      return group === 'raw'
        ? { salt: encodeBase64(salt), bytes: encodeBase64(value) }
        : { salt: encodeBase64(salt), value: parseStrictJson(value) }
    }
  }
}

/** Parses an event file, in which values of an event stand three levels deeper. Throws `malformed`: every member has to be one that is known, and of its type. */
export const parseEventFile = (bytes: Uint8Array): EventFile => {
  const file = membersOf(parseStrictJson(bytes, MAX_DEPTH + 3), 'the file', ['format', 'leaf', 'proof', 'groups'])
  if (file['format'] !== FORMAT) throw malformed(`the format is not ${FORMAT}`)
  const given = file['groups']
  if (!isJsonObject(given)) throw malformed('groups is no object')
  const groups: Partial<Record<Group, Shown>> = {}
  for (const [name, shown] of Object.entries(given)) {
    if (!isGroup(name)) throw malformed(`there is no group ${JSON.stringify(name)}`)
    groups[name] = parseShown(name, shown)
  }
  return { leaf: bytesOf(file, 'leaf'), proof: encodeUtf8(textOf(file, 'proof')), groups }
}

const parseShown = (group: Group, shown: Json): Shown => {
  if (shown === 'withheld') return { kind: 'withheld' }
  if (isJsonObject(shown) && 'erased' in shown) {
    const { erased } = membersOf(shown, group, ['erased'])
    const under = membersOf(erased ?? null, group, ['leaf', 'proof', 'indices'])
    const [leaf, indices] = [bytesOf(under, 'leaf'), bytesOf(under, 'indices')]
    return { kind: 'erased', under: { leaf, indices, proof: encodeUtf8(textOf(under, 'proof')) } }
  }
  const name = group === 'raw' ? 'bytes' : 'value'
  const opening = membersOf(shown, group, ['salt', name])
  const value = group === 'raw' ? bytesOf(opening, 'bytes') : encodeUtf8(canonicalJson(opening['value']))
  return { kind: 'shown', opening: { salt: bytesOf(opening, 'salt'), value } }
}

const malformed = (message: string): TlogError => new TlogError('malformed', `event file: ${message}`)

const membersOf = (value: Json, what: string, names: readonly string[]): JsonObject => {
  if (!isJsonObject(value)) throw malformed(`${what} is no object`)
  for (const name of names) if (!Object.hasOwn(value, name)) throw malformed(`${what} has no ${name}`)
  for (const name of Object.keys(value))
    if (!names.includes(name)) throw malformed(`${what} has ${JSON.stringify(name)}, which nothing says anything about`)
  return value
}

const textOf = (members: JsonObject, name: string): string => {
  const value = members[name]
  if (typeof value !== 'string') throw malformed(`${name} is no string`)
  return value
}

const bytesOf = (members: JsonObject, name: string): Uint8Array => decodeBase64(textOf(members, name))
