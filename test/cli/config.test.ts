/** The configuration: precedence, strictness, and the texts that are made from its table. */
import { describe, expect, it } from 'vitest'
import {
  type ConfigInputs,
  type FieldKey,
  fieldKeys,
  fields,
  nameOf,
  type Resolved,
  resolveConfig,
  variableOf,
} from '../../src/cli/config.ts'
import { configurationPage, formatConfig } from '../../src/cli/config-text.ts'

const resolve = (inputs: Partial<ConfigInputs>): Resolved => resolveConfig({ flags: {}, env: {}, ...inputs })
const file = (text: string): NonNullable<ConfigInputs['file']> => ({ path: 'treehead.toml', text })

/** For each field a text that is not its default and parses, and one that does not parse, if there is one. */
const samples: Readonly<Record<FieldKey, { readonly good: string; readonly bad?: string }>> = {
  data: { good: 'memory:' },
  listen: { good: '[::1]:7000' },
  ledger: { good: '/var/lib/ledger' },
  origin: { good: 'log.example/one' },
  subjectKeys: { good: '/var/lib/subject-keys' },
  policy: { good: '/etc/policy.txt' },
  mirrors: { good: '/etc/mirrors.txt' },
  mirrorRefreshMs: { good: '700', bad: '99' },
  proceedWithout: { good: 'w1,w2' },
  maxUnwitnessed: { good: '5', bad: '0' },
  witnessIntervalMs: { good: '7', bad: '0' },
  witnessTimeoutMs: { good: '70', bad: '9' },
  witnessRefreshMs: { good: '700', bad: '99' },
  witnessWaitMs: { good: '70', bad: '60001' },
  allowDuplicates: { good: 'true', bad: '1' },
  open: { good: 'true', bad: 'yes' },
  minFreeBytes: { good: '0', bad: '64MiB' },
  maxBatchEntries: { good: '17', bad: '0' },
  maxBatchBytes: { good: '1000', bad: '1e3' },
  maxPoolEntries: { good: '70000', bad: '-1' },
  maxPoolBytes: { good: '70000000', bad: '+7' },
  maxCommitEntries: { good: '5', bad: ' 5' },
  maxCommitBytes: { good: '6', bad: '6.0' },
  maxConnections: { good: '100', bad: '0x10' },
  headersTimeoutMs: { good: '1000', bad: '99' },
  requestTimeoutMs: { good: '40000', bad: '9007199254740993' },
  cachedTiles: { good: '3', bad: '03' },
  stallMs: { good: '500', bad: '٣' },
  stopGraceMs: { good: '100', bad: '8001' },
  hasher: { good: 'noble', bad: 'NOBLE' },
  logLevel: { good: 'debug', bad: 'verbose' },
}

/** A text as the same value in TOML. */
const toml = (key: FieldKey, text: string): string =>
  typeof fields[key].default === 'number' || typeof fields[key].default === 'boolean' ? text : JSON.stringify(text)

describe('[CFG-1] every field', () => {
  it.each(fieldKeys)('%s: flag before variable before file before default', (key) => {
    const { good } = samples[key]
    const standard = fields[key].default
    const flags = { [key]: good }
    const env = { [variableOf(key)]: good }
    const inFile = file(`${nameOf(key)} = ${toml(key, good)}\n`)
    const asText = (resolved: Resolved): string => String(resolved.values[key])
    expect(resolve({}).values[key]).toBe(standard)
    expect(resolve({}).sources[key]).toBe('default')
    expect(good).not.toBe(String(standard))
    for (const [inputs, source] of [
      [{ flags, env: {}, file: undefined }, 'flag'],
      [{ flags: {}, env, file: undefined }, 'environment'],
      [{ flags: {}, env: {}, file: inFile }, 'file'],
    ] as const) {
      const resolved = resolve({ flags: inputs.flags, env: inputs.env, ...(inputs.file && { file: inputs.file }) })
      expect(resolved.sources[key]).toBe(source)
      expect(asText(resolved)).toBe(good)
    }
    if (standard !== undefined && typeof standard !== 'boolean') {
      const other = file(`${nameOf(key)} = ${toml(key, String(standard))}\n`)
      expect(resolve({ env, file: other }).sources[key]).toBe('environment')
      expect(asText(resolve({ flags, env: { [variableOf(key)]: String(standard) }, file: other }))).toBe(good)
    }
    expect(resolve({ env: { [variableOf(key)]: '' } }).sources[key]).toBe('default')
  })

  it('a switch alone means true, and can be set back to false by a later source', () => {
    expect(resolve({ flags: { open: true } }).values.open).toBe(true)
    expect(resolve({ flags: { open: 'false' }, env: { TREEHEAD_OPEN: 'true' } }).values.open).toBe(false)
  })
})

describe('[CFG-2] unknown names', () => {
  it.each([
    ['min-fre-bytes = 1', 'did you mean min-free-bytes?'],
    ['minFreeBytes = 1', 'did you mean min-free-bytes?'],
    ['lissten = "x"', 'did you mean listen?'],
    ['[server]\nlisten = "x"', 'unknown key "server"'],
    ['__proto__ = 1', 'unknown key "__proto__"'],
  ])('in a file: %s', (text, message) => {
    expect(() => resolve({ file: file(text) })).toThrow(message)
    expect(() => resolve({ file: file(text) })).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it('among the variables: near misses are refused, names of other things are not', () => {
    expect(() => resolve({ env: { TREEHEAD_LISEN: 'x' } })).toThrow('did you mean TREEHEAD_LISTEN?')
    expect(() => resolve({ env: { TREEHEAD_MIN_FREE_BYTE: '1' } })).toThrow('TREEHEAD_MIN_FREE_BYTES')
    for (const name of ['TREEHEAD_TOKEN', 'TREEHEAD_URL', 'TREEHEAD_VKEY', 'TREEHEAD_PORT', 'TREEHEAD_CONFIG'])
      expect(() => resolve({ env: { [name]: 'x' } })).not.toThrow()
  })
})

describe('[CFG-3] values', () => {
  it.each(fieldKeys.filter((key) => samples[key].bad !== undefined))('%s refuses what is not one, by name', (key) => {
    const { bad = '' } = samples[key]
    const failing = (inputs: Partial<ConfigInputs>, place: string): void => {
      expect(() => resolve(inputs)).toThrow(expect.objectContaining({ code: 'usage' }))
      expect(() => resolve(inputs)).toThrow(place)
    }
    failing({ flags: { [key]: bad } }, `--${nameOf(key)}: want`)
    failing({ env: { [variableOf(key)]: bad } }, `${variableOf(key)}: want`)
    failing({ file: file(`${nameOf(key)} = ${JSON.stringify(bad)}`) }, `treehead.toml: ${nameOf(key)}: want`)
  })

  it.each([
    'min-free-bytes = 1.0',
    'min-free-bytes = "1"',
    'min-free-bytes = -1',
    'min-free-bytes = 9223372036854775807',
    'min-free-bytes = inf',
    'min-free-bytes = 2024-01-01',
    'open = "true"',
    'open = 1',
    'origin = ""',
    'origin = ["a"]',
    'listen = 6962',
    'open = true\nopen = true',
    'open true',
  ])('a file with %s is refused', (text) => {
    expect(() => resolve({ file: file(text) })).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it('that contradict each other are refused', () => {
    expect(() => resolve({ flags: { maxBatchEntries: '65537' } })).toThrow('never fit the pool')
    expect(() => resolve({ flags: { headersTimeoutMs: '31000' } })).toThrow('headers-timeout-ms')
  })
})

describe('texts made from the table', () => {
  it('[CFG-4] the printed configuration means the same when it is read back', () => {
    const flags = Object.fromEntries(fieldKeys.map((key) => [key, samples[key].good]))
    for (const resolved of [resolve({}), resolve({ flags }), resolve({ flags: { origin: 'a"b\\c\u007f€\n' } })]) {
      const again = resolve({ file: file(formatConfig(resolved)) })
      expect(again.values).toEqual(resolved.values)
    }
    expect(formatConfig(resolve({ flags }))).toContain('(flag; --min-free-bytes, TREEHEAD_MIN_FREE_BYTES)')
  })

  it('the page in spec/ is the one that the table makes (vitest -u writes it)', async () => {
    await expect(configurationPage()).toMatchFileSnapshot('../../spec/configuration.md')
  })
})
