/** The entry that a proof is about, as flags name it: a file, or a leaf hash. */
import { Option } from 'commander'
import type { Subject } from '../client/receipt.ts'
import { asHash } from '../primitives/hash.ts'
import { decodeHex } from '../primitives/hex.ts'
import { asUsage, readInput } from './input.ts'

/** The flags, as commander hands them over. */
export interface SubjectFlags {
  readonly entry?: string
  readonly leaf?: string
}

/** `--entry` and `--leaf`, of which one may be given. */
export const subjectFlags = (): readonly Option[] => [
  new Option('--entry <file>', 'the bytes of the entry (- for standard input)').conflicts('leaf'),
  new Option('--leaf <hex>', 'its leaf hash: SHA-256 over a zero byte and the entry'),
]

/** Reads the entry or its hash; undefined when neither is given. Rejects with `usage`. */
export const readSubject = async ({ entry, leaf }: SubjectFlags): Promise<Subject | undefined> => {
  if (entry !== undefined) return { entry: await readInput(entry) }
  if (leaf !== undefined) return { leafHash: asUsage('--leaf', () => asHash(decodeHex(leaf))) }
  return undefined
}
