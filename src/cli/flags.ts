/** The flags that mean the same in every command, and how their texts become values. */
import { readFile } from 'node:fs/promises'
import { Option } from 'commander'
import { checkpointReader } from '../client/trust.ts'
import { parseVerifierKey } from '../note/key.ts'
import type { Clock } from '../primitives/clock.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { NO_QUORUM, type Policy, parsePolicy } from '../tlog/policy.ts'
import { asUsage, readInput, readLine } from './input.ts'
import { asArgument } from './times.ts'

/** Where a log is by default: where `treehead serve` listens by default. */
export const DEFAULT_URL = 'http://127.0.0.1:6962'

/** Where the data is by default. */
export const DEFAULT_DATA = 'level:./treehead-data'

const DEFAULT_TOKEN_FILE = './treehead-data/append.token'

/** `--url`. */
export const urlFlag = (): Option => new Option('--url <url>', 'the log').env('TREEHEAD_URL').default(DEFAULT_URL)

/** `--vkey`, `--policy` and `--origin`: whom to believe. */
export const trustFlags = (): readonly Option[] => [
  new Option(
    '--vkey <vkey|file>',
    'the public key of the log, as text or in a file (one key a line); pin it, never ask the log for it',
  ).env('TREEHEAD_VKEY'),
  new Option('--policy <file>', 'the logs and witnesses to believe, and the quorum (c2sp.org/tlog-policy)'),
  new Option('--origin <origin>', 'the name of the log (default: the name of its key)'),
]

/** `--token` and `--token-file`. */
export const tokenFlags = (): readonly Option[] => [
  new Option(
    '--token <token>',
    `the append token (default: $TREEHEAD_TOKEN, else ${DEFAULT_TOKEN_FILE} if it is there)`,
  ).conflicts('tokenFile'),
  new Option(
    '--token-file <file>',
    'a file that holds the token: unlike a flag, nobody sees it in a list of processes',
  ),
]

/** `--data`. */
export const dataFlag = (): Option => new Option('--data <url>', 'the data folder of a log').default(DEFAULT_DATA)

/** `--json`. */
export const jsonFlag = (what = 'print JSON, for scripts'): Option => new Option('--json', what)

/** A flag whose value is a size or an index. */
export const decimalFlag = (flags: string, description: string): Option =>
  new Option(flags, description).argParser(asArgument(parseDecimal))

/** The folder of `--data level:DIR` or `--data DIR`. Throws `usage` for another kind of storage. */
export const dataFolder = (data: string): string => {
  const [, scheme, folder] = /^(?:([a-z]+):)?(.*)$/.exec(data) ?? []
  if ((scheme ?? 'level') === 'level' && folder) return folder
  throw new TlogError('usage', `want --data level:<folder>, got ${data}`)
}

/** The flags of whom to believe, as commander hands them over. */
export interface TrustFlags {
  readonly vkey?: string
  readonly policy?: string
  readonly origin?: string
  /** POSIX seconds. */
  readonly notAfter?: number
  /** Seconds. */
  readonly maxAge?: number
}

/** Whom to believe, as the client takes it. */
export interface PinnedTrust {
  readonly vkey?: readonly string[]
  readonly policy?: Policy
  readonly origin?: string
  readonly notAfter?: number
  readonly maxAge?: number
  readonly clock?: Clock
}

/** Reads keys and policy. Rejects with `usage` when a key or file is bad, or when there is nothing to trust. */
export const readTrust = async (flags: TrustFlags): Promise<PinnedTrust> => {
  const trust = await readTrustIfGiven(flags)
  if (trust !== undefined) return trust
  throw new TlogError('usage', 'want --vkey (or TREEHEAD_VKEY) or --policy: a log is not asked for its own key')
}

/** As `readTrust`, but undefined when neither a key nor a policy is given. */
export const readTrustIfGiven = async (flags: TrustFlags): Promise<PinnedTrust | undefined> => {
  const { vkey, policy: file, origin } = flags
  const policy = file === undefined ? undefined : await readPolicy(file)
  const times = timesOf(flags, policy)
  if (vkey === undefined && policy === undefined) return undefined
  const trust: PinnedTrust = {
    ...(vkey !== undefined && { vkey: await readVkeys(vkey) }),
    ...(policy !== undefined && { policy }),
    ...(origin !== undefined && { origin }),
    ...times,
  }
  // Now, so that a policy without a log is wrong use and not a proof that fails.
  asUsage('--vkey, --policy and --origin', () => checkpointReader(trust))
  return trust
}

/** What is asked of the time of cosignatures, which only a quorum can meet. */
const timesOf = ({ notAfter, maxAge }: TrustFlags, policy: Policy | undefined): PinnedTrust => {
  if (notAfter === undefined && maxAge === undefined) return {}
  if (policy === undefined || policy.quorum === NO_QUORUM) {
    const flag = notAfter === undefined ? '--max-age' : '--not-after'
    throw new TlogError('usage', `${flag} wants a --policy with a quorum: witnesses say when, the log does not`)
  }
  return {
    ...(notAfter !== undefined && { notAfter }),
    ...(maxAge !== undefined && { maxAge, clock: Date.now }),
  }
}

/** The keys in a text or a file, one a line. Rejects with `usage`. */
export const readVkeys = async (textOrFile: string): Promise<readonly string[]> => {
  assertPublic(textOrFile)
  // A vkey has pluses at its own places; a file whose name looks so can be written as ./name.
  const given = /^[^+/]*(?:\/[^+]*)?\+[0-9a-f]{8}\+/.test(textOrFile) && !textOrFile.startsWith('./')
  const text = given ? textOrFile : await readLine(textOrFile)
  assertPublic(text)
  const vkeys = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'))
  for (const line of vkeys) asUsage('--vkey', () => parseVerifierKey(line))
  if (vkeys.length === 0) throw new TlogError('usage', `--vkey: ${textOrFile} holds no key`)
  return vkeys
}

/** Looked at before the text could stand in a complaint. */
const assertPublic = (text: string): void => {
  if (text.includes('PRIVATE+KEY+')) throw new TlogError('usage', '--vkey wants the public key, got a private one')
}

const readPolicy = async (path: string): Promise<Policy> => {
  const bytes = await readInput(path)
  return asUsage(`--policy ${path}`, () => parsePolicy(bytes))
}

/** The append token. Rejects with `usage` when there is none or it cannot be one; its text is in no message. */
export const readToken = async (flags: { readonly token?: string; readonly tokenFile?: string }): Promise<string> => {
  const token =
    flags.token ??
    (flags.tokenFile && (await readLine(flags.tokenFile))) ??
    process.env['TREEHEAD_TOKEN'] ??
    (await defaultToken())
  if (token === undefined) {
    throw new TlogError('usage', `want --token-file, --token or TREEHEAD_TOKEN; there is no ${DEFAULT_TOKEN_FILE} here`)
  }
  // The text must not reach fetch, which would quote it in its complaint.
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) throw new TlogError('usage', 'the token has characters that no token has')
  return token
}

const defaultToken = async (): Promise<string | undefined> =>
  readFile(DEFAULT_TOKEN_FILE, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  )
