/** `treehead prove`: fetches the proof that an entry is in a log. */
import { Command } from 'commander'
import { httpSender } from '../../client/http.ts'
import type { LogClient } from '../../client/log-client.ts'
import type { Subject } from '../../client/receipt.ts'
import { hashLeaf } from '../../merkle/hash.ts'
import { TlogError } from '../../primitives/error.ts'
import { encodeHex } from '../../primitives/hex.ts'
import { MAX_PROOF_FILE_BYTES, parseProofFile } from '../../tlog/proof-file.ts'
import { connect, reach } from '../connect.ts'
import { decimalFlag, readTrustIfGiven, type TrustFlags, trustFlags, urlFlag } from '../flags.ts'
import { teach } from '../lesson.ts'
import { STANDARD, say, writeOut } from '../output.ts'
import { exitCodes } from '../report.ts'
import { readSubject, type SubjectFlags, subjectFlags } from '../subject.ts'

interface ProveFlags extends TrustFlags, SubjectFlags {
  readonly url: string
  readonly index?: number
  readonly out: string
}

/** The command. */
export const proveCommand = (): Command => {
  const command = teach(new Command('prove'), {
    summary: 'fetch the proof that an entry is in the log, as a file to keep',
    about:
      'Fetches a proof that an entry is in the log, as a tlog-proof file (c2sp.org/tlog-proof) that anyone can verify offline, today or in ten years. Name the entry by its bytes, its leaf hash or its index. With --vkey or --policy the proof is verified before it is written; without, verify it before you rely on it.',
    examples: [
      ['by the bytes of the entry', 'treehead prove --entry record.json --out record.tlog-proof'],
      [
        'by index, verified on the way',
        'treehead prove --index 0 --vkey treehead-data/log.vkey --out first.tlog-proof',
      ],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable],
  })
  command
    .addOption(urlFlag())
    .addOption(decimalFlag('--index <n>', 'the index of the entry').conflicts(['entry', 'leaf']))
  for (const flag of [...subjectFlags(), ...trustFlags()]) command.addOption(flag)
  return command.requiredOption('--out <file>', 'where the proof goes (- for standard output)').action(run)
}

const run = async (flags: ProveFlags): Promise<void> => {
  const trust = await readTrustIfGiven(flags)
  const subject = await readSubject(flags)
  const named = subject ?? flags.index
  if (named === undefined) throw new TlogError('usage', 'want --index <n>, --entry <file> or --leaf <hex>')
  const client = trust && connect(flags.url, trust)
  const file = client === undefined ? await fetchUnverified(flags.url, named) : await fetchVerified(client, named)
  await writeOut(flags.out, file)
  if (client === undefined && flags.out !== STANDARD)
    say('not verified yet: use `treehead verify`, or give --vkey here')
}

const fetchVerified = async (client: LogClient, named: Subject | number): Promise<Uint8Array> =>
  typeof named === 'number' ? client.proofFile(named) : (await client.findProof(hashOf(named))).file

const fetchUnverified = async (url: string, named: Subject | number): Promise<Uint8Array> => {
  const path = typeof named === 'number' ? `proof/${named}` : `proof/leaf/${encodeHex(hashOf(named))}`
  const file = await httpSender(reach(url))({ path, limit: MAX_PROOF_FILE_BYTES })
  // Whatever a server sends, what is written as a proof file is one.
  parseProofFile(file)
  return file
}

const hashOf = (subject: Subject) => ('entry' in subject ? hashLeaf(subject.entry) : subject.leafHash)
