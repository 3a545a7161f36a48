/** `treehead evidence`: checks evidence offline, shows what a witness holds, and acknowledges it. */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { formatVerifierKey } from '../../note/key.ts'
import { TlogError } from '../../primitives/error.ts'
import { formatHash } from '../../primitives/hash.ts'
import { type Evidence, evidenceId, type ProvenEvidence, parseEvidence, verifyEvidence } from '../../tlog/evidence.ts'
import { isWitnessDir, witnessFiles } from '../../witness/witness-dir.node.ts'
import { dataFolder, jsonFlag } from '../flags.ts'
import { readInput } from '../input.ts'
import { teach } from '../lesson.ts'
import { print } from '../output.ts'
import { exitCodes, printable } from '../report.ts'

/** The command and its subcommands. */
export const evidenceCommand = (): Command =>
  teach(new Command('evidence'), {
    summary: 'check evidence that a key signed two histories, and acknowledge it at a witness',
    about:
      'Evidence is one file with two signed checkpoints of a log that cannot both be true, and the proof of it. Anyone can check it with nothing but the key that it accuses.',
    examples: [
      ['check a file', 'treehead evidence verify fork.evidence'],
      [
        'let the witness of this folder cosign the log again',
        'treehead evidence acknowledge 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      ],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable],
  })
    .addCommand(verifyCommand())
    .addCommand(acknowledgeCommand())

const verifyCommand = (): Command =>
  teach(new Command('verify'), {
    summary: 'check a file of evidence, offline',
    about:
      'Checks that the accused key signed both checkpoints and that no one history has both. Exits with 0 when the evidence is good: then the holder of that key lied, or lost the key. Compare the key with the one that you pinned, or let --accused do it.',
    examples: [
      ['what it proves', 'treehead evidence verify fork.evidence'],
      ['for scripts', 'treehead evidence verify fork.evidence --json'],
    ],
    codes: [exitCodes.unverified],
  })
    .argument('<file>', 'the evidence, or - for standard input')
    .option('--accused <vkey>', 'the key that it must be about')
    .addOption(jsonFlag())
    .action(verify)

const verify = async (file: string, { accused: wanted, json }: { accused?: string; json?: boolean }): Promise<void> => {
  const bytes = await readInput(file)
  const evidence = parseEvidence(bytes)
  const accused = formatVerifierKey(evidence.accused)
  if (wanted !== undefined && wanted.trim() !== accused)
    throw new TlogError('untrusted', `the evidence accuses another key: ${accused}`)
  const proven = verifyEvidence(evidence)
  await print(json ? `${JSON.stringify(asJson(bytes, evidence, proven))}\n` : describe(evidence, proven))
}

const asJson = (
  bytes: Uint8Array,
  { kind, accused }: Evidence,
  { origin, smaller, larger }: ProvenEvidence,
): object => ({
  id: evidenceId(bytes),
  kind,
  origin,
  accused: formatVerifierKey(accused),
  smaller: { size: smaller.checkpoint.size, root: formatHash(smaller.checkpoint.root) },
  larger: { size: larger.checkpoint.size, root: formatHash(larger.checkpoint.root) },
})

const describe = ({ kind, accused }: Evidence, { origin, smaller, larger }: ProvenEvidence): string => {
  const tree = ({ checkpoint }: ProvenEvidence['smaller']): string =>
    `  size ${checkpoint.size}, root ${formatHash(checkpoint.root)}`
  const claim =
    kind === 'fork'
      ? 'signed two trees that cannot be of one history'
      : 'cosigned a smaller tree as the newest after it had cosigned a larger one'
  return `${kind}: ${printable(accused.name)} ${claim}, of the log ${printable(origin)}:\n${tree(smaller)}\n${tree(larger)}\nthe key: ${formatVerifierKey(accused)}\n`
}

const acknowledgeCommand = (): Command =>
  teach(new Command('acknowledge'), {
    summary: 'let a witness cosign a log again although it holds evidence against its key',
    about:
      'Tells the witness of a data folder that you have seen this evidence and that it may cosign the log again, on the history that it has. The evidence stays and goes on being served. Works while the witness runs.',
    examples: [
      [
        'once you know what happened',
        'treehead evidence acknowledge 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      ],
      [
        'of a witness elsewhere',
        'treehead evidence acknowledge 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --data level:./w1',
      ],
    ],
    codes: [exitCodes.unavailable],
  })
    .argument('<id>', 'the id of the evidence, 64 hex digits')
    .option('--data <url>', 'the data folder of the witness or mirror', 'level:./treehead-witness')
    .action(acknowledge)

const acknowledge = async (id: string, { data }: { data: string }): Promise<void> => {
  if (!/^[0-9a-f]{64}$/.test(id)) throw new TlogError('usage', 'an id of evidence is 64 lower-case hex digits')
  const folder = dataFolder(data)
  if (!(await isWitnessDir(folder))) throw new TlogError('usage', `there is no witness and no mirror in ${folder}`)
  try {
    await appendFile(join(folder, witnessFiles.acknowledged), `${id} ${new Date().toISOString()}\n`, { flush: true })
  } catch (cause) {
    throw new TlogError('io', `cannot write ${join(folder, witnessFiles.acknowledged)}`, { cause })
  }
  await print(`acknowledged ${id}\n`)
}
