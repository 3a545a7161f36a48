/** `treehead checkpoint`: fetches the newest signed head and verifies it. */
import { Command } from 'commander'
import { decodeUtf8 } from '../../primitives/bytes.ts'
import { formatHash } from '../../primitives/hash.ts'
import { connect } from '../connect.ts'
import { jsonFlag, readTrust, type TrustFlags, trustFlags, urlFlag } from '../flags.ts'
import { teach } from '../lesson.ts'
import { STANDARD, writeOut } from '../output.ts'
import { exitCodes } from '../report.ts'
import { maxAgeFlag } from '../times.ts'

interface CheckpointFlags extends TrustFlags {
  readonly url: string
  readonly out: string
  readonly json?: boolean
}

/** The command. */
export const checkpointCommand = (): Command => {
  const command = teach(new Command('checkpoint'), {
    summary: 'fetch the newest signed head of the log, verified',
    about:
      'Fetches the newest checkpoint, verifies its signatures with the key you pinned (and the witnesses of your policy), checks that the tree it signs is really served, and writes it as it came; with --max-age the cosignatures must be fresh. Keep it: `treehead consistency` shows later that the log still stands by it.',
    examples: [
      ['look at it', 'treehead checkpoint --vkey treehead-data/log.vkey'],
      ['keep it', 'treehead checkpoint --vkey treehead-data/log.vkey --out monday.checkpoint'],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable],
  })
  for (const flag of [urlFlag(), ...trustFlags(), maxAgeFlag(), jsonFlag()]) command.addOption(flag)
  return command.option('--out <file>', 'where it goes (- for standard output)', STANDARD).action(run)
}

const run = async (flags: CheckpointFlags): Promise<void> => {
  const { bytes, checkpoint, cosigners } = await connect(flags.url, await readTrust(flags)).checkpoint()
  const { origin, size, root } = checkpoint
  const json = {
    origin,
    size,
    root: formatHash(root),
    cosigners: cosigners.map(({ witness, time }) => ({ name: witness.name, time })),
    checkpoint: decodeUtf8(bytes),
  }
  await writeOut(flags.out, flags.json ? `${JSON.stringify(json)}\n` : bytes)
}
