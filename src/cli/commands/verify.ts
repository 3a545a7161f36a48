/** `treehead verify`: checks a proof file, offline. */
import { Command } from 'commander'
import { type VerifiedProof, verifyProofFile } from '../../client/receipt.ts'
import { formatVerifierKey } from '../../note/key.ts'
import { TlogError } from '../../primitives/error.ts'
import { formatHash } from '../../primitives/hash.ts'
import { jsonFlag, readTrust, type TrustFlags, trustFlags } from '../flags.ts'
import { readInput } from '../input.ts'
import { teach } from '../lesson.ts'
import { print } from '../output.ts'
import { exitCodes, printable } from '../report.ts'
import { readSubject, type SubjectFlags, subjectFlags } from '../subject.ts'
import { maxAgeFlag, notAfterFlag } from '../times.ts'

interface VerifyFlags extends TrustFlags, SubjectFlags {
  readonly json?: boolean
}

/** The command. */
export const verifyCommand = (): Command => {
  const command = teach(new Command('verify'), {
    summary: 'check a proof file, offline',
    about:
      'Checks that an entry is in a log, with nothing but the proof file, the bytes of the entry and the key you pinned: no network, and nobody to trust. With --policy a quorum of witnesses must have cosigned, and --not-after and --max-age say when. It prints one line: where the entry is, or why the proof is worth nothing.',
    examples: [
      ['check a receipt', 'treehead verify record.tlog-proof --entry record.json --vkey treehead-data/log.vkey'],
      [
        'the same for a script',
        'treehead verify record.tlog-proof --entry record.json --vkey treehead-data/log.vkey --json',
      ],
    ],
    codes: [exitCodes.unverified],
  }).argument('<proof>', 'the proof file (- for standard input)')
  for (const flag of [...subjectFlags(), ...trustFlags(), notAfterFlag(), maxAgeFlag(), jsonFlag()])
    command.addOption(flag)
  return command.action(run)
}

const run = async (path: string, flags: VerifyFlags): Promise<void> => {
  const trust = await readTrust(flags)
  const subject = await readSubject(flags)
  if (subject === undefined) throw new TlogError('usage', 'want --entry <file> or --leaf <hex>')
  const file = await readInput(path)
  const claim = { ...trust, ...subject }
  const verdict = judge(() => verifyProofFile(file, claim))
  if (!verdict.valid) process.exitCode = exitCodes.unverified
  await print(`${flags.json ? jsonOf(verdict) : lineOf(verdict)}\n`)
}

type Verdict =
  | { readonly valid: true; readonly proof: VerifiedProof }
  | { readonly valid: false; readonly code: string; readonly reason: string }

const judge = (verify: () => VerifiedProof): Verdict => {
  try {
    return { valid: true, proof: verify() }
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === 'usage') throw error
    return { valid: false, code: error.code, reason: error.message }
  }
}

const lineOf = (verdict: Verdict): string => {
  if (!verdict.valid) return `invalid: ${verdict.code}: ${printable(verdict.reason)}`
  const { index, origin, size, cosigners } = verdict.proof
  const seen = cosigners.length === 0 ? '' : `, cosigned by ${cosigners.map(({ witness }) => witness.name).join(', ')}`
  return printable(`valid: entry is index ${index} of ${origin}, size ${size}${seen}`)
}

const jsonOf = (verdict: Verdict): string => {
  if (!verdict.valid) return JSON.stringify(verdict)
  const { index, origin, size, root, leafHash, cosigners } = verdict.proof
  return JSON.stringify({
    valid: true,
    index,
    origin,
    size,
    root: formatHash(root),
    leafHash: formatHash(leafHash),
    cosigners: cosigners.map(({ witness, time }) => ({
      name: witness.name,
      vkey: formatVerifierKey(witness.key),
      time,
    })),
  })
}
