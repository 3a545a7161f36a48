/** `treehead keygen`: makes a key pair for a log or a cosigner. */
import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { type Algorithm, COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../note/algorithm.ts'
import { formatSignerKey, formatVerifierKey, signerKey } from '../../note/key.ts'
import { TlogError } from '../../primitives/error.ts'
import { jsonFlag } from '../flags.ts'
import { asUsage } from '../input.ts'
import { teach } from '../lesson.ts'
import { print, writeNew } from '../output.ts'
import { exitCodes } from '../report.ts'

interface KeygenFlags {
  readonly name: string
  readonly type: keyof typeof types
  readonly out: string
  readonly json?: boolean
}

const types = { log: ED25519, cosigner: COSIGNATURE_V1, mldsa44: SUBTREE_V1 } as const satisfies Record<
  string,
  Algorithm
>

/** The command. */
export const keygenCommand = (): Command =>
  teach(new Command('keygen'), {
    summary: 'make a key pair for a log or a cosigner',
    about:
      'Makes a key pair and writes the private key to FILE, readable by you alone, and the public key (the vkey that others pin) to FILE.vkey; nothing is ever overwritten. A log signs with Ed25519, in the PRIVATE+KEY+ form that Go programs read. Witnesses cosign with Ed25519 or ML-DSA-44. `serve` makes the key of a new log by itself.',
    examples: [
      ['a key for the log example.com/audit', 'treehead keygen --name example.com/audit --out audit.key'],
      ['a post-quantum key for a witness', 'treehead keygen --name witness.example.com/w1 --type mldsa44 --out w1.key'],
    ],
    codes: [exitCodes.unavailable],
  })
    .requiredOption('--name <name>', 'the name of the key; for a log this is its origin, without a scheme')
    .addOption(
      new Option('--type <type>', 'log: Ed25519; cosigner: Ed25519 cosignature/v1; mldsa44: ML-DSA-44 subtree/v1')
        .choices(Object.keys(types))
        .default('log'),
    )
    .requiredOption('--out <file>', 'where the private key goes')
    .addOption(jsonFlag())
    .action(run)

const run = async ({ name, type, out, json }: KeygenFlags): Promise<void> => {
  const key = asUsage('--name', () => signerKey(name, types[type], randomBytes(32)))
  const vkey = formatVerifierKey(key)
  // Looked for first, so that a private key without its public one is not left behind.
  for (const path of [out, `${out}.vkey`]) {
    if (await isThere(path)) throw new TlogError('usage', `${path} is already there and is never overwritten`)
  }
  await writeNew(out, `${formatSignerKey(key)}\n`, 0o600)
  await writeNew(`${out}.vkey`, `${vkey}\n`, 0o644)
  await print(json ? `${JSON.stringify({ name, type, vkey, file: out })}\n` : `${vkey}\n`)
}

const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
