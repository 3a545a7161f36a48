/** `treehead recover`: rebuilds a lost log from a mirror. */
import { Command, Option } from 'commander'
import type { LogClient } from '../../client/log-client.ts'
import type { VerifiedCheckpoint } from '../../client/trust.ts'
import { formatTokens, hashToken } from '../../http/tokens.ts'
import { formatHead } from '../../log/head.ts'
import { checkpointIn } from '../../log/stored-rows.ts'
import { EMPTY_ROOT } from '../../merkle/hash.ts'
import { recoverLog } from '../../mirror/recover.ts'
import { recoverDir } from '../../mirror/recover-dir.node.ts'
import { fsck } from '../../monitor/fsck.ts'
import type { FsckReport } from '../../monitor/fsck-report.ts'
import { storeSource } from '../../monitor/fsck-source.ts'
import { formatVerifierKey, parseSignerKey, parseVerifierKey, type VerifierKey } from '../../note/key.ts'
import { formatNote, openNote, verifyNote } from '../../note/note.ts'
import { TlogError } from '../../primitives/error.ts'
import { formatHash } from '../../primitives/hash.ts'
import { encodeHex } from '../../primitives/hex.ts'
import type { Storage } from '../../storage/storage.ts'
import { verifierOf } from '../../tlog/signatures/index.ts'
import { originHash } from '../../witness/records.ts'
import { connect } from '../connect.ts'
import {
  DEFAULT_DATA,
  dataFolder,
  jsonFlag,
  type PinnedTrust,
  readTrust,
  readVkeys,
  type TrustFlags,
  trustFlags,
} from '../flags.ts'
import { asUsage, readLine } from '../input.ts'
import { teach } from '../lesson.ts'
import { print } from '../output.ts'
import { counted, openProgress } from '../progress.ts'
import { exitCodes, printable } from '../report.ts'

interface RecoverFlags extends TrustFlags {
  readonly from: string
  readonly data: string
  readonly mirrorVkey?: string
  readonly key?: string
  readonly ledger?: string
  readonly json?: boolean
}

const AFTERWARDS = `
Afterwards:
  The new folder has the log up to the head that the mirror served, and that head is the log's own, byte
  for byte, so every receipt up to there verifies as before. To serve and sign again the folder needs
  log.key: give it with --key, or put it there. The append token and the key of RFC 6962 tree heads are
  new; put the old files there instead if they are left. If the old signed-head ledger is left, give it
  with --ledger: it knows the newest head that was ever released, and a mirror that does not reach it
  is refused, since going on from there would fork the log.`

/** The command. */
export const recoverCommand = (): Command => {
  const command = teach(new Command('recover'), {
    summary: 'rebuild a lost log from a mirror, and prove it',
    about:
      'Makes the data folder of a log that is lost or damaged, from a mirror that has a copy (or from a backup folder, with --from file:///…). The checkpoint must be signed by the log, and cosigned as --policy or --mirror-vkey demand; every entry is verified under it before it is written, and the whole database is checked again at the end, as fsck does. It writes into a new folder only, never over a log, and goes on where it was when it is interrupted.',
    examples: [
      [
        'from a mirror whose key is pinned',
        'treehead recover --from http://127.0.0.1:6965 --data level:./recovered --vkey treehead-data/log.vkey --mirror-vkey treehead-mirror/mirror.vkeys --key treehead-data/log.key',
      ],
      [
        'from a backup folder, only to have the database again',
        'treehead recover --from "file://$PWD/backup" --data level:./recovered --vkey treehead-data/log.vkey',
      ],
    ],
    codes: [exitCodes.unverified, exitCodes.refused, exitCodes.unavailable],
  }).addHelpText('after', AFTERWARDS)
  command
    .requiredOption('--from <url>', 'the mirror; the origin hash is appended unless the URL ends in it')
    .addOption(new Option('--data <url>', 'the data folder to make').default(DEFAULT_DATA))
    .option('--mirror-vkey <vkey|file>', 'a key of the mirror, which must have cosigned')
    .option('--key <file>', 'the private key of the log, for the new folder')
    .option('--ledger <file>', 'where the signed-head ledger is or goes (default: in the data folder)')
  for (const flag of [...trustFlags(), jsonFlag()]) command.addOption(flag)
  return command.action(run)
}

const run = async (flags: RecoverFlags): Promise<void> => {
  const path = dataFolder(flags.data)
  const trust = await readTrust(flags)
  const mirrorKeys = flags.mirrorVkey === undefined ? [] : (await readVkeys(flags.mirrorVkey)).map(parseVerifierKey)
  const [known] = keysIn(trust)
  if (known === undefined) throw new TlogError('usage', 'want --vkey, or a --policy with one log')
  const client = connect(sourceUrl(flags.from, trust.origin ?? known.name), trust)
  const checkpoint = await client.checkpoint()
  if (mirrorKeys.length > 0) openNote(checkpoint.bytes, mirrorKeys.map(verifierOf))
  const keys = keysIn(trust).filter(({ name }) => name === client.origin)
  const { head, signer } = ownHead(checkpoint, keys)
  const late: { report?: FsckReport } = {}
  await recoverDir({
    path,
    origin: client.origin,
    ledgerPath: flags.ledger,
    key: flags.key === undefined ? undefined : await readKey(flags.key, checkpoint),
    vkey: formatVerifierKey(signer),
    verifiers: keys.map(verifierOf),
    head,
    checkpoint: checkpoint.bytes,
    tokenLine: (token) => formatTokens([{ role: 'append', hash: hashToken(token), label: 'first' }]),
    fill: async (storage) => {
      late.report = await fill(storage, client, checkpoint, head, keys)
      return async (size) =>
        size === 0 ? EMPTY_ROOT : (await client.consistencyProof(size, checkpoint.checkpoint.size)).root1
    },
  })
  await tell(flags, path, checkpoint, late.report)
}

const keysIn = ({ vkey, policy }: PinnedTrust): readonly VerifierKey[] =>
  vkey === undefined ? (policy?.logs ?? []).map(({ key }) => key) : vkey.map(parseVerifierKey)

const sourceUrl = (from: string, origin: string): string => {
  const hash = encodeHex(originHash(origin))
  const url = from.replace(/\/+$/, '')
  return url.startsWith('file:') || url.endsWith(`/${hash}`) ? url : `${url}/${hash}`
}

/** The checkpoint with the log's own signatures alone, which is how the log had it, and a key that made one of them. */
const ownHead = (
  { text, verified, unverified, checkpoint }: VerifiedCheckpoint,
  keys: readonly VerifierKey[],
): { readonly head: Uint8Array; readonly signer: VerifierKey } => {
  const note = { text, signatures: [...verified, ...unverified] }
  const own = verifyNote(note, keys.map(verifierOf)).verified
  const signer = keys.find(({ keyId }) => own.some((signature) => signature.keyId === keyId))
  if (signer === undefined) throw new TlogError('untrusted', 'the log did not sign the checkpoint')
  const { size, root } = checkpoint
  // When it was signed nobody knows any more; no later than now, and the next head must be later still.
  const head = { size, root, time: Date.now(), checkpoint: formatNote({ text, signatures: own }) }
  return { head: formatHead(head), signer }
}

const readKey = async (path: string, checkpoint: VerifiedCheckpoint): Promise<string> => {
  const text = await readLine(path)
  const verifier = asUsage(`--key ${path}`, () => verifierOf(parseSignerKey(text)))
  asUsage(`--key ${path} is not the key that signed the newest checkpoint`, () =>
    openNote(checkpoint.bytes, [verifier]),
  )
  return text
}

const fill = async (
  storage: Storage,
  client: LogClient,
  { checkpoint }: VerifiedCheckpoint,
  head: Uint8Array,
  keys: readonly VerifierKey[],
): Promise<FsckReport> => {
  const recovering = openProgress('recovering', 'entries', checkpoint.size)
  try {
    await recoverLog({
      tree: checkpoint,
      head,
      entries: (start, end) => client.entries(start, end),
      store: storage.log,
      progress: storage.keyValue('recover'),
      onProgress: (size) => recovering.update(size),
    })
  } finally {
    recovering.end()
  }
  const checking = openProgress('checking', 'entries', checkpoint.size)
  try {
    const report = await fsck(storeSource(storage.log, { checkpointIn }), {
      vkey: keys.map(formatVerifierKey),
      origin: checkpoint.origin,
      onProgress: ({ index }) => checking.update(index),
    })
    if (report.ok && report.size === checkpoint.size) return report
    const [first] = report.problems
    throw new TlogError(
      'corrupt',
      `what was written is not what was read: ${first?.kind} ${first?.at} ${first?.message}`,
    )
  } finally {
    checking.end()
  }
}

const tell = async (
  { json, key, from }: RecoverFlags,
  path: string,
  { checkpoint }: VerifiedCheckpoint,
  report: FsckReport | undefined,
): Promise<void> => {
  const { origin, size, root } = checkpoint
  if (report === undefined) {
    // All that was left to do was to put its files in place; by now the mirror may have more.
    const finished = `finished an earlier recovery of ${origin} into ${path}; look at it with treehead fsck --data level:${path}`
    return print(json === true ? `${JSON.stringify({ origin, path })}\n` : `${printable(finished)}\n`)
  }
  const { entries, tiles } = report.checked
  if (json === true) {
    const fields = { origin, size, root: formatHash(root), entries, tiles, path }
    return print(`${JSON.stringify(fields)}\n`)
  }
  const lines = [
    `recovered ${origin} from ${from} into ${path}`,
    `size ${size}, root ${formatHash(root)}, the head that the log had signed`,
    `checked: ${counted(entries, 'entry', 'entries')}, ${counted(tiles, 'tile')}, all right`,
    key === undefined
      ? `put the log's private key into ${path}/log.key (mode 600) before you serve it`
      : `serve it: treehead serve --data level:${path}`,
  ]
  return print(`${lines.map(printable).join('\n')}\n`)
}
