/** The logs that a witness knows, and the text forms of such lists: logs/v0 of the witness network, and policies. */
import type { NoteVerifier } from '../note/algorithm.ts'
import { parseVerifierKey, type VerifierKey } from '../note/key.ts'
import { decodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { parsePolicy } from '../tlog/policy.ts'
import { verifierOf } from '../tlog/signatures/index.ts'

/** A log whose checkpoints are cosigned. */
export interface WitnessedLog {
  readonly origin: string
  /** One key, or several while the log changes its key. */
  readonly keys: readonly VerifierKey[]
  readonly verifiers: readonly NoteVerifier[]
  /** How many requests a day the log may send; undefined for no bound. */
  readonly queriesPerDay?: number | undefined
}

/** The logs by origin. */
export type LogList = ReadonlyMap<string, WitnessedLog>

/** One line of a list: a key, and what is allowed to it. */
export interface ListedKey {
  readonly key: VerifierKey
  /** Default: the name of the key. */
  readonly origin?: string | undefined
  readonly queriesPerDay?: number | undefined
}

/** Joins keys to logs: those of one origin are keys of one log, which gets the smallest of their bounds. */
export const logList = (listed: readonly ListedKey[]): LogList => {
  const logs = new Map<string, WitnessedLog>()
  for (const { key, origin = key.name, queriesPerDay } of listed) {
    const known = logs.get(origin)
    if (known?.keys.some(({ name, keyId }) => name === key.name && keyId === key.keyId)) continue
    const bounds = [known?.queriesPerDay, queriesPerDay].filter((bound) => bound !== undefined)
    logs.set(origin, {
      origin,
      keys: [...(known?.keys ?? []), key],
      verifiers: [...(known?.verifiers ?? []), verifierOf(key)],
      ...(bounds.length > 0 && { queriesPerDay: Math.min(...bounds) }),
    })
  }
  return logs
}

/** Reads a list in either form, told apart by its first line. Throws `malformed`, naming the line. */
export const parseLogList = (file: Uint8Array): readonly ListedKey[] => {
  const lines = decodeUtf8(file)
    .split('\n')
    .map((line) => line.trim())
  const first = lines.find((line) => line !== '' && !line.startsWith('#'))
  if (first === 'logs/v0') return parseNetworkList(lines)
  return parsePolicy(file).logs.map(({ key }) => ({ key }))
}

interface Draft {
  key: VerifierKey
  origin?: string
  queriesPerDay?: number
}

/** The form of the witness network: blocks that begin with a vkey line, with origin, qpd and contact lines below it. */
const parseNetworkList = (lines: readonly string[]): readonly ListedKey[] => {
  const logs: Draft[] = []
  let begun = false
  lines.forEach((line, i) => {
    if (line === '' || line.startsWith('#')) return
    const [keyword = ''] = line.split(/\s/, 1)
    const value = line.slice(keyword.length).trim()
    try {
      if (!begun) begun = true
      else readLine(logs, keyword, value)
    } catch (cause) {
      if (!(cause instanceof TlogError)) throw cause
      throw new TlogError('malformed', `log list line ${i + 1}: ${cause.message}`, { cause })
    }
  })
  return logs
}

const readLine = (logs: Draft[], keyword: string, value: string): void => {
  if (value === '') throw new TlogError('malformed', `want a value after "${keyword}"`)
  if (keyword === 'vkey') {
    logs.push({ key: parseVerifierKey(value) })
    return
  }
  const log = logs.at(-1)
  if (log === undefined) throw new TlogError('malformed', 'a log begins with its vkey line')
  if (keyword === 'origin') log.origin = value
  else if (keyword === 'qpd') log.queriesPerDay = parseQueriesPerDay(value)
  else if (keyword !== 'contact') throw new TlogError('malformed', `want vkey, origin, qpd or contact, got ${keyword}`)
}

const parseQueriesPerDay = (value: string): number => {
  if (!/^[0-9]{1,12}(?:\.[0-9]{1,6})?$/.test(value) || Number(value) === 0)
    throw new TlogError('malformed', `want a number of queries a day, got ${value}`)
  return Number(value)
}
