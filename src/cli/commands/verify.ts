/** `treehead verify`: checks a proof file or an event file, offline. */
import { Command } from 'commander'
import { type VerifiedEvent, verifyEventFile } from '../../client/event-receipt.ts'
import { type VerifiedProof, verifyProofFile } from '../../client/receipt.ts'
import type { Trust } from '../../client/trust.ts'
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
    summary: 'check a proof file or an event file, offline',
    about:
      'Checks that an entry is in a log, with nothing but the proof file, the bytes of the entry and the key you pinned: no network, and nobody to trust. With --policy a quorum of witnesses must have cosigned, and --not-after and --max-age say when. It prints one line: where the entry is, or why the proof is worth nothing. An event file brings its entry with it; what it shows of the event is checked against what the entry commits to.',
    examples: [
      ['check a receipt', 'treehead verify record.tlog-proof --entry record.json --vkey treehead-data/log.vkey'],
      ['check an event file', 'treehead verify event.json --vkey treehead-data/log.vkey'],
      [
        'the same for a script',
        'treehead verify record.tlog-proof --entry record.json --vkey treehead-data/log.vkey --json',
      ],
    ],
    codes: [exitCodes.unverified],
  }).argument('<proof>', 'the proof file or event file (- for standard input)')
  for (const flag of [...subjectFlags(), ...trustFlags(), notAfterFlag(), maxAgeFlag(), jsonFlag()])
    command.addOption(flag)
  return command.action(run)
}

const run = async (path: string, flags: VerifyFlags): Promise<void> => {
  const trust = await readTrust(flags)
  const subject = await readSubject(flags)
  const file = await readInput(path)
  if (subject === undefined) {
    // A proof file is no JSON, and an event file brings its entry with it.
    if (file[0] === BRACE) return verifyEvent(file, trust, flags)
    throw new TlogError('usage', 'want --entry <file> or --leaf <hex>')
  }
  const claim = { ...trust, ...subject }
  const verdict = judge(() => verifyProofFile(file, claim))
  if (!verdict.valid) process.exitCode = exitCodes.unverified
  await print(`${flags.json ? jsonOf(verdict) : lineOf(verdict)}\n`)
}

const BRACE = 0x7b

type Verdict =
  | { readonly valid: true; readonly proof: VerifiedProof }
  | { readonly valid: false; readonly code: string; readonly reason: string }

const judge = (verify: () => VerifiedProof): Verdict => {
  const judged = attempt(verify)
  return judged.valid ? { valid: true, proof: judged.value } : judged
}

type Attempt<T> =
  | { readonly valid: true; readonly value: T }
  | { readonly valid: false; readonly code: string; readonly reason: string }

const attempt = <T>(verify: () => T): Attempt<T> => {
  try {
    return { valid: true, value: verify() }
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

/** Of an event file: the verdict, and what it shows of the event. A payload that is missing is invalid. */
const verifyEvent = async (file: Uint8Array, trust: Trust, { json }: VerifyFlags): Promise<void> => {
  const judged = attempt(() => verifyEventFile(file, trust))
  if (!judged.valid || judged.value.verdict === 'missing') process.exitCode = exitCodes.unverified
  await print(`${json ? eventJson(judged) : eventLine(judged)}\n`)
}

const eventLine = (judged: Attempt<VerifiedEvent>): string => {
  if (!judged.valid) return `invalid: ${judged.code}: ${printable(judged.reason)}`
  const { verdict, leaf, proof, withheld, erased, missing } = judged.value
  const where = `${leaf.action} (${leaf.outcome}) of source ${leaf.source} is index ${proof.index} of ${proof.origin}, received ${new Date(leaf.received).toISOString()}`
  switch (verdict) {
    case 'valid':
      return printable(`valid: ${where}`)
    case 'erased':
      return printable(`valid, erased under ${[...new Set(Object.values(erased))].join(', ')}: ${where}`)
    case 'withheld':
      return printable(`valid, ${withheld.join(', ')} withheld: ${where}`)
    case 'missing':
      return printable(`invalid: ${missing.join(', ')} missing without an entry that says so: ${where}`)
  }
}

const eventJson = (judged: Attempt<VerifiedEvent>): string => {
  if (!judged.valid) return JSON.stringify(judged)
  const { verdict, leaf, proof, event, withheld, erased, missing } = judged.value
  const { origin, index, size } = proof
  const { source, number, received } = leaf
  return JSON.stringify({
    valid: verdict !== 'missing',
    verdict,
    index,
    origin,
    size,
    source,
    number,
    received: new Date(received).toISOString(),
    event,
    withheld,
    erased,
    missing,
  })
}
