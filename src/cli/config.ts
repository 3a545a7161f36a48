/** The configuration of a server: one table of fields, each with a place in a file, a flag and an environment variable. */
import { parse as parseToml } from 'smol-toml'
import { logLevels } from '../http/request-log.ts'
import { TlogError } from '../primitives/error.ts'
import { nearest } from '../primitives/nearest.ts'

/** What may stand in a TOML file, read with its integers as bigint: so 1.0 and 1 are told apart. */
type TomlValue = unknown

/** One field of the configuration. */
export interface Field<T> {
  /** How its values are written in the documentation, such as `<bytes>`. */
  readonly placeholder: string
  /** Undefined where absence means something of its own. */
  readonly default: T
  readonly doc: string
  /** True for a flag that may stand without a value, which then is `true`. */
  readonly switch: boolean
  /** The value of a text from a flag or a variable. Throws `usage` without naming the field. */
  readonly parse: (text: string) => T
  /** The value of what a file has. Throws `usage` without naming the field. */
  readonly accept: (value: TomlValue) => T
}

const bad = (want: string, got: unknown): TlogError =>
  new TlogError('usage', `want ${want}, got ${typeof got === 'bigint' ? got : JSON.stringify(got)}`)

const acceptText = (value: TomlValue): string => {
  if (typeof value !== 'string' || value === '') throw bad('a text in quotes', value)
  return value
}

const text = (placeholder: string, standard: string, doc: string): Field<string> => ({
  placeholder,
  default: standard,
  doc,
  switch: false,
  parse: (given) => given,
  accept: acceptText,
})

const optional = (placeholder: string, doc: string): Field<string | undefined> => ({
  ...text(placeholder, '', doc),
  default: undefined,
})

const choice = <const T extends string>(names: readonly T[], standard: T, doc: string): Field<T> => {
  const parse = (given: string): T => {
    const name = names.find((one) => one === given)
    if (name === undefined) throw bad(`one of ${names.join(', ')}`, given)
    return name
  }
  return {
    placeholder: `<${names.join('|')}>`,
    default: standard,
    doc,
    switch: false,
    parse,
    accept: (value) => parse(acceptText(value)),
  }
}

const toggle = (doc: string): Field<boolean> => ({
  placeholder: '[true|false]',
  default: false,
  doc,
  switch: true,
  parse: (given) => {
    if (given !== 'true' && given !== 'false') throw bad('true or false', given)
    return given === 'true'
  },
  accept: (value) => {
    if (typeof value !== 'boolean') throw bad('true or false', value)
    return value
  },
})

interface Bounds {
  readonly min: number
  readonly max?: number
}

const integer = (unit: string, standard: number, { min, max = 2 ** 53 - 1 }: Bounds, doc: string): Field<number> => {
  const parse = (given: string): number => {
    // Number('1e3'), Number(' 7') and Number('') would all be numbers.
    const value = /^(?:0|[1-9][0-9]{0,15})$/.test(given) ? Number(given) : Number.NaN
    if (!(value >= min && value <= max)) throw bad(`an integer from ${min} to ${max}`, given)
    return value
  }
  return {
    placeholder: `<${unit}>`,
    default: standard,
    doc,
    switch: false,
    parse,
    accept: (value) => {
      if (typeof value !== 'bigint') throw bad('an integer', value)
      return parse(String(value))
    },
  }
}

const MEBIBYTE = 2 ** 20

/** Every field. Adding a line here adds the flag, the variable, the key, the help and the page in spec/. */
export const fields = {
  data: text(
    '<url>',
    'level:./treehead-data',
    'where the log is kept: `level:<folder>`, or `memory:` for a log that is forgotten at the end',
  ),
  listen: text('<host:port>', '127.0.0.1:6962', 'where to listen; port 0 takes any free one'),
  ledger: optional(
    '<file>',
    'where the signed-head ledger is kept, ideally on another volume than the data (default: `ledger` in the data folder)',
  ),
  origin: optional(
    '<name>',
    'the name of a new log, a host name and path of yours without a scheme (default: `treehead.local/` and eight random hex digits); a log that is there keeps its own, and does not start under another',
  ),
  subjectKeys: optional(
    '<folder>',
    'where the keys that open the payloads of events are kept, which must not be in the data folder: a backup of that should not have them (default: the data folder with `.keys` behind its name; made with the first event)',
  ),
  policy: optional(
    '<file>',
    'witnesses and their quorum (c2sp.org/tlog-policy): only what a quorum has cosigned is published at /checkpoint (default: none, every signed head is)',
  ),
  mirrors: optional(
    '<file>',
    'mirrors to push every entry to, each with a `witness` line of its key and URL, as in a policy (default: none)',
  ),
  mirrorRefreshMs: integer(
    'ms',
    60_000,
    { min: 100 },
    'after so long without new entries a mirror cosigns the newest head again; it is also the longest pause after failures',
  ),
  proceedWithout: optional(
    '<names>',
    'witnesses of the policy, by name with commas between, that the start may do without although they alone could have cosigned a newer head: a decision to be made only when this database is surely the newest there is',
  ),
  maxUnwitnessed: integer(
    'entries',
    1_000_000,
    { min: 1 },
    'entries that may wait for a quorum of witnesses; then no more are taken until it is back',
  ),
  witnessIntervalMs: integer('ms', 50, { min: 1 }, 'from one round of asking the witnesses to the next, at least'),
  witnessTimeoutMs: integer('ms', 5_000, { min: 10 }, 'how long a witness may take to answer'),
  witnessRefreshMs: integer(
    'ms',
    60_000,
    { min: 100 },
    'after so long without new entries the newest head is cosigned again, so that its times stay fresh',
  ),
  witnessWaitMs: integer(
    'ms',
    10_000,
    { min: 1, max: 60_000 },
    'how long an append with `Prefer: wait=witnessed` waits for a quorum',
  ),
  allowDuplicates: toggle(
    'give equal entries an index each, instead of answering the first one; such a log has no proofs by leaf hash',
  ),
  open: toggle('let everyone append without a token; only when listening on a loopback address'),
  minFreeBytes: integer(
    'bytes',
    64 * MEBIBYTE,
    { min: 0 },
    'refuse appends, and go on reading, while a volume of the log has less free space; 0 switches this off',
  ),
  maxBatchEntries: integer('entries', 16_384, { min: 1 }, 'entries that one request to /add-batch may have'),
  maxBatchBytes: integer(
    'bytes',
    16 * MEBIBYTE,
    { min: 1, max: 1_024 * MEBIBYTE },
    'bytes that the body of one request to /add-batch may have',
  ),
  maxPoolEntries: integer(
    'entries',
    65_536,
    { min: 1 },
    'entries that may wait for a commit, of all producers together; more are turned away with 429',
  ),
  maxPoolBytes: integer('bytes', 64 * MEBIBYTE, { min: 1 }, 'bytes that may wait for a commit'),
  maxCommitEntries: integer('entries', 4_096, { min: 1 }, 'entries after which a commit takes no further request'),
  maxCommitBytes: integer('bytes', 8 * MEBIBYTE, { min: 1 }, 'bytes after which a commit takes no further request'),
  maxConnections: integer('sockets', 10_000, { min: 1 }, 'connections at once; further ones are closed'),
  headersTimeoutMs: integer('ms', 10_000, { min: 100 }, 'how long a client may take to send the head of a request'),
  requestTimeoutMs: integer('ms', 30_000, { min: 100 }, 'how long a client may take to send a whole request'),
  cachedTiles: integer(
    'tiles',
    2_048,
    { min: 1 },
    'verified tiles that stay in memory, 16 KiB each with their inner nodes',
  ),
  stallMs: integer('ms', 2_000, { min: 1 }, 'a commit that takes longer makes /readyz say `stalled`'),
  stopGraceMs: integer('ms', 5_000, { min: 0, max: 8_000 }, 'how long a stop waits for answers under way'),
  hasher: choice(
    ['auto', 'wasm-simd', 'platform', 'noble'],
    'auto',
    'what computes the tree; `auto` takes the fastest that works here',
  ),
  logLevel: choice(
    logLevels,
    'info',
    'the least level of log lines on standard error; `debug` has one for each request',
  ),
} as const satisfies Record<string, Field<unknown>>

type Fields = typeof fields

/** The name of a field in the program: minFreeBytes. */
export type FieldKey = keyof Fields

/** A value for each field. */
export type Config = { readonly [K in FieldKey]: Fields[K] extends Field<infer T> ? T : never }

/** Where a value came from; the first of these that has one counts. */
export type Source = 'flag' | 'environment' | 'file' | 'default'

/** A configuration, and where each value of it came from. */
export interface Resolved {
  readonly values: Config
  readonly sources: Readonly<Record<FieldKey, Source>>
}

/** What the values are taken from. */
export interface ConfigInputs {
  /** As commander hands them over: a text, or `true` for a switch without a value. */
  readonly flags: Readonly<Record<string, unknown>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** The configuration file, if there is one. */
  readonly file?: { readonly path: string; readonly text: string }
}

/** The keys of the table, in its order. */
export const fieldKeys = Object.keys(fields) as readonly FieldKey[]

/** A field's name in a file, and after `--` as a flag: min-free-bytes. */
export const nameOf = (key: FieldKey): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** A field's environment variable: TREEHEAD_MIN_FREE_BYTES. */
export const variableOf = (key: FieldKey): string => `TREEHEAD_${nameOf(key).replaceAll('-', '_').toUpperCase()}`

/** Puts the configuration together. Throws `usage`, naming the place, for an unknown name or a value that is not one. */
export const resolveConfig = (inputs: ConfigInputs): Resolved => {
  const file = readFile(inputs.file)
  checkVariables(inputs.env)
  const values: Record<string, unknown> = {}
  const sources: Record<string, Source> = {}
  for (const key of fieldKeys) {
    const { value, source } = resolveField(key, inputs, file)
    values[key] = value
    sources[key] = source
  }
  const resolved = { values, sources } as unknown as Resolved
  checkTogether(resolved.values)
  return resolved
}

const resolveField = (
  key: FieldKey,
  { flags, env, file }: ConfigInputs,
  inFile: ReadonlyMap<string, TomlValue>,
): { readonly value: unknown; readonly source: Source } => {
  const field: Field<unknown> = fields[key]
  const flag = flags[key]
  const name = nameOf(key)
  if (flag !== undefined) return { value: at(`--${name}`, () => field.parse(String(flag))), source: 'flag' }
  const variable = env[variableOf(key)]
  // An empty variable is how many supervisors spell an absent one.
  if (variable !== undefined && variable !== '')
    return { value: at(variableOf(key), () => field.parse(variable)), source: 'environment' }
  if (inFile.has(name))
    return { value: at(`${file?.path}: ${name}`, () => field.accept(inFile.get(name))), source: 'file' }
  return { value: field.default, source: 'default' }
}

const readFile = (file: ConfigInputs['file']): ReadonlyMap<string, TomlValue> => {
  if (file === undefined) return new Map()
  const table = at(file.path, () => parseToml(file.text, { integersAsBigInt: true }))
  const names = new Set(fieldKeys.map(nameOf))
  for (const name of Object.keys(table)) {
    if (!names.has(name))
      throw new TlogError(
        'usage',
        `${file.path}: unknown key ${JSON.stringify(name)}${didYouMean(nearest(name, names))}`,
      )
  }
  return new Map(Object.entries(table))
}

/** A variable with a name of ours misspelled by one character would be silently without effect. */
const checkVariables = (env: ConfigInputs['env']): void => {
  const names = new Set([...fieldKeys.map(variableOf), 'TREEHEAD_CONFIG'])
  for (const name of Object.keys(env)) {
    if (!name.startsWith('TREEHEAD_') || names.has(name)) continue
    const meant = nearest(name, names, 1)
    if (meant !== undefined) throw new TlogError('usage', `unknown variable ${name}${didYouMean(meant)}`)
  }
}

const checkTogether = (config: Config): void => {
  const { maxBatchEntries, maxPoolEntries, maxBatchBytes, maxPoolBytes, headersTimeoutMs, requestTimeoutMs } = config
  if (maxBatchEntries > maxPoolEntries || maxBatchBytes > maxPoolBytes)
    throw new TlogError('usage', 'a batch of max-batch-entries and max-batch-bytes would never fit the pool')
  if (headersTimeoutMs > requestTimeoutMs)
    throw new TlogError('usage', 'headers-timeout-ms is over request-timeout-ms, which includes it')
}

const didYouMean = (name: string | undefined): string => (name === undefined ? '' : `; did you mean ${name}?`)

const at = <T>(place: string, read: () => T): T => {
  try {
    return read()
  } catch (cause) {
    throw new TlogError('usage', `${place}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
