/** `treehead backup`: copies a log, verified, while it runs. */
import { Command } from 'commander'
import { httpResources } from '../../client/resources.ts'
import { checkpointReader } from '../../client/trust.ts'
import { backup } from '../../monitor/backup.node.ts'
import { TlogError } from '../../primitives/error.ts'
import { reach } from '../connect.ts'
import { evidenceFlag, keepingEvidence } from '../evidence.ts'
import { jsonFlag, readTrust, type TrustFlags, trustFlags, urlFlag } from '../flags.ts'
import { teach } from '../lesson.ts'
import { print } from '../output.ts'
import { counted, openProgress } from '../progress.ts'
import { exitCodes, printable } from '../report.ts'

interface BackupFlags extends TrustFlags {
  readonly url: string
  readonly out: string
  readonly recheck?: boolean
  readonly evidence: string
  readonly json?: boolean
}

const RESTORING = `
Restoring:
  The folder is the whole log in the layout of c2sp.org/tlog-tiles: any web server that serves its
  files serves the log, and --url file:///… reads it, so everything in it can be read and proven for
  ever. Keys and tokens are not in it. To go on appending under the same name, a database is needed
  that is not older than any head which was ever released; one that is older would fork the log, and
  \`treehead serve\` refuses it. Never copy the database folder of a running server: such copies do not
  open, or open with entries missing.`

/** The command. */
export const backupCommand = (): Command => {
  const command = teach(new Command('backup'), {
    summary: 'copy the log into a folder, verified, while it runs',
    about:
      'Copies the newest checkpoint and everything it stands for, all entries and all tiles, into a folder, while the log goes on. Every byte is verified before it is written and synced, and the checkpoint is written last: whatever happens, the folder holds a whole log. Run it again to bring the folder up to date; only what is new is fetched. A log that contradicts the backup is an error with evidence.',
    examples: [
      ['copy, and from then on bring up to date', 'treehead backup --out backup --vkey treehead-data/log.vkey'],
      ['check the copy, all of it', 'treehead fsck --dir backup --vkey treehead-data/log.vkey'],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable],
  }).addHelpText('after', RESTORING)
  command
    .addOption(urlFlag())
    .requiredOption('--out <folder>', 'where the copy goes')
    .option('--recheck', 'read what is in the folder again too, and fetch what was damaged')
  for (const flag of [...trustFlags(), evidenceFlag(), jsonFlag()]) command.addOption(flag)
  return command.action(run)
}

const run = async (flags: BackupFlags): Promise<void> => {
  const trust = await readTrust(flags)
  const reader = checkpointReader(trust)
  const resources = httpResources(reach(flags.url))
  const progress = openProgress('copying', 'files')
  const copying = keepingEvidence(flags.evidence, trust, () =>
    backup({
      resources,
      reader,
      folder: flags.out,
      recheck: flags.recheck,
      onProgress: ({ done, total }) => progress.update(done, total),
    }),
  )
  const { checkpoint, previousSize, written, kept } = await copying.catch(asIo).finally(progress.end)
  const { origin, size } = checkpoint.checkpoint
  const text = `backed up: size ${size} of ${origin}; ${counted(written, 'file')} written, ${kept} kept`
  await print(
    flags.json ? `${JSON.stringify({ origin, size, previousSize, written, kept })}\n` : `${printable(text)}\n`,
  )
}

/** The disk's own errors, such as a full one, are no bugs. */
const asIo = (cause: unknown): never => {
  if (cause instanceof Error && 'syscall' in cause) throw new TlogError('io', cause.message, { cause })
  throw cause
}
