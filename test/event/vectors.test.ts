/** The vectors of spec/vectors/entry.json and event-file.json, which another implementation can be tested with. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode, rfc8949EncodeOptions } from 'cborg'
import { describe, expect, it } from 'vitest'
import { verifyEventFile } from '../../src/client/event-receipt.ts'
import { formatEventFile, type Shown } from '../../src/event/event-file.ts'
import { commitGroup, type Group, groups, groupValues, type Opening } from '../../src/event/groups.ts'
import { type AuditLeaf, formatLeaf, parseLeaf } from '../../src/event/leaf.ts'
import { hashLeaf, hashNode } from '../../src/merkle/hash.ts'
import { ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { decodeBase64, encodeBase64 } from '../../src/primitives/base64.ts'
import { concatBytes, decodeUtf8, encodeUint64, encodeUtf8 } from '../../src/primitives/bytes.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import { sha256 } from '../../src/primitives/sha256.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { formatProofFile } from '../../src/tlog/proof-file.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { roleAssigned } from '../support/memory-audit.ts'
import { repositoryRoot } from '../support/root.ts'

const key = signerKey('audit.example/vectors', ED25519, new Uint8Array(32).fill(1))
const vkey = formatVerifierKey(key)
const handle = (fill: number): Uint8Array => new Uint8Array(16).fill(fill)

const values = groupValues(roleAssigned('01K0AV6Y7N1', { msg: 'jdoe became Admin' }), encodeUtf8('{"as":"it came"}'))
const openings = Object.fromEntries(
  Object.entries(values).map(([group, value]) => [group, { salt: sha256(encodeUtf8(`salt of ${group}`)), value }]),
) as unknown as Readonly<Record<Group, Opening>>

const leaf: AuditLeaf = {
  origin: key.name,
  received: 1_795_211_220_456,
  action: 'user.role.assign',
  outcome: 'success',
  source: 'scim:okta',
  number: 1,
  handles: { actor: handle(1), target: handle(2), with: [handle(3)] },
  commitments: Object.fromEntries(groups.map((group) => [group, commitGroup(group, openings[group])])),
  payloadSize: Math.ceil(Object.values(values).reduce((sum, { length }) => sum + length, 0) / 256) * 256,
}
const indices = encodeUint64(0)
const erasure: AuditLeaf = {
  ...leaf,
  action: 'privacy.erase',
  source: 'treehead',
  handles: {},
  commitments: {},
  payloadSize: 0,
  particulars: { list: sha256(indices), count: 1, part: 'actor', ground: '17(1)(b)' },
}
const [entry, eraser] = [formatLeaf(leaf), formatLeaf(erasure)]

/** The proof file of one of the two entries of the log. */
const proofOf = (index: 0 | 1): Uint8Array => {
  const hashes = [hashLeaf(entry), hashLeaf(eraser)] as const
  const text = formatCheckpoint({ origin: key.name, size: 2, root: hashNode(...hashes), extensions: [] })
  const other: Hash = hashes[index === 0 ? 1 : 0]
  return formatProofFile({ index, proof: [other], checkpoint: signNote(text, [signerOf(key)]) })
}

const inner = entry.subarray(3)
const tag = entry.subarray(0, 3)
const entries: readonly (readonly [string, Uint8Array])[] = [
  ['an event', entry],
  ['an entry of the log itself', eraser],
  ['without the tag', inner],
  ['bytes behind it', concatBytes(entry, Uint8Array.of(0))],
  ['cut off', entry.subarray(0, -1)],
  ['indefinite length', concatBytes(tag, Uint8Array.of(0xbf), inner.subarray(1), Uint8Array.of(0xff))],
  ['version 2', concatBytes(tag, encode({ v: 2 }, rfc8949EncodeOptions))],
  ['particulars of a producer', concatBytes(tag, encode({ d: { note: 'x' } }, rfc8949EncodeOptions))],
]

/** The same log with the erasure first, which says beforehand what will be gone. */
const early = (() => {
  const hashes = [hashLeaf(eraser), hashLeaf(entry)] as const
  const text = formatCheckpoint({ origin: key.name, size: 2, root: hashNode(...hashes), extensions: [] })
  const checkpoint = signNote(text, [signerOf(key)])
  return {
    event: formatProofFile({ index: 1, proof: [hashes[0]], checkpoint }),
    erasure: formatProofFile({ index: 0, proof: [hashes[1]], checkpoint }),
  }
})()

/** An entry whose `meta` says something else about the event than the entry does. */
const twoFaced = () => {
  const value = encodeUtf8('{"action":"access.read","id":"01K0AV6Y7N1","time":"2026-11-20T21:47:00.123Z"}')
  const meta = { salt: openings.meta.salt, value }
  const bytes = formatLeaf({ ...leaf, commitments: { ...leaf.commitments, meta: commitGroup('meta', meta) } })
  const text = formatCheckpoint({ origin: key.name, size: 1, root: hashLeaf(bytes), extensions: [] })
  const proof = formatProofFile({ index: 0, proof: [], checkpoint: signNote(text, [signerOf(key)]) })
  const all = { ...shown, meta: { kind: 'shown', opening: meta } } as const
  return () => decodeUtf8(formatEventFile({ leaf: bytes, proof, groups: all }))
}

type AllShown = Partial<Record<Group, Shown>>
const shown: AllShown = Object.fromEntries(
  groups.map((group): [Group, Shown] => [group, { kind: 'shown', opening: openings[group] }]),
)
const under = { leaf: eraser, proof: proofOf(1), indices }
const file = (changes: Readonly<Partial<Record<Group, Shown | undefined>>>, proof = proofOf(0)): string => {
  const all = Object.entries({ ...shown, ...changes }).filter(([, one]) => one !== undefined)
  return decodeUtf8(formatEventFile({ leaf: entry, proof, groups: Object.fromEntries(all) as AllShown }))
}
const files: readonly (readonly [string, string])[] = [
  ['everything shown', file({})],
  ['the actor withheld', file({ actor: { kind: 'withheld' } })],
  ['the actor erased', file({ actor: { kind: 'erased', under } })],
  ['erased and withheld', file({ actor: { kind: 'erased', under }, raw: { kind: 'withheld' } })],
  ['a group without account', file({ meta: undefined })],
  [
    'the salt of another group',
    file({ actor: { kind: 'shown', opening: { ...openings.actor, salt: openings.raw.salt } } }),
  ],
  ['another value', file({}).replace('u_42', 'u_43')],
  ['the proof of another entry', file({}, proofOf(1))],
  [
    'erased under a list without it',
    file({ actor: { kind: 'erased', under: { ...under, indices: encodeUint64(1) } } }),
  ],
  ['erased under an event', file({ actor: { kind: 'erased', under: { ...under, leaf: entry, proof: proofOf(0) } } })],
  ['erased under an erasure of the other part', file({ target: { kind: 'erased', under } })],
  [
    'erased before it was there',
    file({ actor: { kind: 'erased', under: { ...under, proof: early.erasure } } }, early.event),
  ],
  ['a group that holds what it cannot', twoFaced()()],
  ['another member', file({}).replace('"format"', '"formats": 1, "format"')],
  ['another format', file({}).replace('event@v1', 'event@v2')],
]

const codeOf = (error: unknown): string => (error as { readonly code: string }).code

const parsedOf = (bytes: Uint8Array): { readonly error?: string } => {
  try {
    parseLeaf(bytes)
    return {}
  } catch (error) {
    return { error: codeOf(error) }
  }
}

const verdictOf = (text: string): { readonly verdict?: string; readonly error?: string } => {
  try {
    return { verdict: verifyEventFile(encodeUtf8(text), { vkey }).verdict }
  } catch (error) {
    return { error: codeOf(error) }
  }
}

const made = {
  'entry.json': {
    commitments: groups.map((group) => ({
      group,
      salt: encodeBase64(openings[group].salt),
      value: encodeBase64(openings[group].value),
      commitment: encodeBase64(leaf.commitments[group] ?? new Uint8Array()),
    })),
    entries: entries.map(([title, bytes]) => ({ title, entry: encodeBase64(bytes), ...parsedOf(bytes) })),
  },
  'event-file.json': { vkey, files: files.map(([title, text]) => ({ title, ...verdictOf(text), text })) },
}

describe('[ENTRY-6] [ENTRY-8] the vectors of entries and event files', () => {
  const read = (name: keyof typeof made) =>
    JSON.parse(readFileSync(join(repositoryRoot, 'spec/vectors', name), 'utf8')) as (typeof made)[typeof name]

  it.each(['entry.json', 'event-file.json'] as const)(
    '%s is what this program makes (TREEHEAD_WRITE_VECTORS=1 writes it)',
    (name) => {
      const path = join(repositoryRoot, 'spec/vectors', name)
      if (process.env['TREEHEAD_WRITE_VECTORS'] === '1')
        writeFileSync(path, `${JSON.stringify(made[name], undefined, 2)}\n`)
      expect(read(name)).toEqual(made[name])
    },
  )

  it('says what a reader must say', () => {
    const { verdict, error } = { verdict: 'verdict', error: 'error' } as const
    const said = made['event-file.json'].files.map((one) => one[verdict] ?? one[error])
    expect(said).toEqual([
      'valid',
      'withheld',
      'erased',
      'withheld',
      'missing',
      ...Array(8).fill('bad_proof'),
      'malformed',
      'malformed',
    ])
    expect(made['entry.json'].entries.map((one) => one.error)).toEqual([
      undefined,
      undefined,
      ...Array(6).fill('malformed'),
    ])
  })

  it('are commitments by the letter of the specification', () => {
    for (const { group, salt, value, commitment } of made['entry.json'].commitments) {
      const label = Buffer.from(`audit-field/v1\0${group}\0`)
      const bytes = concatBytes(label, decodeBase64(salt), decodeBase64(value))
      expect(encodeBase64(sha256(bytes))).toBe(commitment)
    }
  })
})
