/** `treehead consistency`: checks that a log still stands by a checkpoint it signed earlier. */
import { Command } from 'commander'
import { HeadKeeper } from '../../client/heads.ts'
import { InconsistentError } from '../../client/inconsistent.ts'
import { httpResources } from '../../client/resources.ts'
import { lruTileCache } from '../../client/tile-cache.ts'
import { type CheckpointReader, checkpointReader, type VerifiedCheckpoint } from '../../client/trust.ts'
import { TlogError } from '../../primitives/error.ts'
import { reach } from '../connect.ts'
import { evidenceFlag, keepingEvidence } from '../evidence.ts'
import { jsonFlag, readTrust, type TrustFlags, trustFlags, urlFlag } from '../flags.ts'
import { readInput } from '../input.ts'
import { teach } from '../lesson.ts'
import { print } from '../output.ts'
import { exitCodes, printable } from '../report.ts'

interface ConsistencyFlags extends TrustFlags {
  readonly url: string
  readonly evidence: string
  readonly json?: boolean
}

/** The command. */
export const consistencyCommand = (): Command => {
  const command = teach(new Command('consistency'), {
    summary: 'check that the log still stands by a checkpoint you kept',
    about:
      'Checks that two checkpoints of a log are of one history: that the smaller tree is the beginning of the larger, so nothing was changed or taken away between them. The second is the newest one of the log unless you name a file. When they contradict each other, both go into a file: they are proof that the log signed two histories.',
    examples: [
      [
        'a checkpoint kept earlier, with the newest',
        'treehead consistency monday.checkpoint --vkey treehead-data/log.vkey',
      ],
      ['two that were kept', 'treehead consistency monday.checkpoint tuesday.checkpoint --vkey treehead-data/log.vkey'],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable],
  })
    .argument('<checkpoint>', 'a file with a signed checkpoint')
    .argument('[other]', 'another one; default: the newest of the log')
  for (const flag of [urlFlag(), ...trustFlags(), evidenceFlag(), jsonFlag()]) command.addOption(flag)
  return command.action(run)
}

const run = async (path: string, otherPath: string | undefined, flags: ConsistencyFlags): Promise<void> => {
  const trust = await readTrust(flags)
  const reader = checkpointReader(trust)
  const one = open(reader, path, await readInput(path))
  const resources = httpResources(reach(flags.url))
  const other = otherPath === undefined ? await resources.checkpoint() : await readInput(otherPath)
  const two = open(reader, otherPath ?? flags.url, other)
  const { origin } = one.checkpoint
  if (two.checkpoint.origin !== origin) {
    throw new TlogError('wrong_origin', `one checkpoint is of ${origin}, the other of ${two.checkpoint.origin}`)
  }
  const [size1, size2] = [one.checkpoint.size, two.checkpoint.size].sort((a, b) => a - b)
  const heads = new HeadKeeper(reader, { load: async () => one.bytes, save: async () => {} }, lruTileCache())
  try {
    await keepingEvidence(flags.evidence, trust, () => heads.accept(two.bytes, (tile) => resources.tile(tile)))
  } catch (error) {
    if (!(error instanceof InconsistentError)) throw error
    process.exitCode = exitCodes.unverified
    const { code, message } = error
    return print(
      flags.json
        ? `${JSON.stringify({ consistent: false, code, reason: message })}\n`
        : `inconsistent: ${printable(message)}\n`,
    )
  }
  if (flags.json) return print(`${JSON.stringify({ consistent: true, origin, size1, size2 })}\n`)
  await print(`${printable(`consistent: size ${size1} is the beginning of size ${size2} of ${origin}`)}\n`)
}

const open = (reader: CheckpointReader, name: string, bytes: Uint8Array): VerifiedCheckpoint => {
  try {
    return reader.open(bytes)
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause
    throw new TlogError(cause.code, `${name}: ${cause.message}`, { cause })
  }
}
