/** Times and durations as flags: `--not-after` and `--max-age`, which ask for cosignatures of a certain time. */
import { InvalidArgumentError, Option } from 'commander'
import { parseDecimal } from '../primitives/decimal.ts'

/** `--not-after`. */
export const notAfterFlag = (): Option =>
  new Option(
    '--not-after <time>',
    'only count cosignatures of this time or earlier, as 2026-01-31T23:59:59Z or in POSIX seconds; wants --policy',
  ).argParser(asArgument(parseTime))

/** `--max-age`. */
export const maxAgeFlag = (): Option =>
  new Option(
    '--max-age <duration>',
    'only count cosignatures that are at most this old, such as 90s, 10m, 24h or 7d; wants --policy',
  ).argParser(asArgument(parseDuration))

/** Runs a parser as commander wants it. */
export const asArgument =
  <T>(parse: (text: string) => T) =>
  (text: string): T => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
    }
  }

/** The last second that RFC 3339 can write. */
const LAST_SECOND = 253_402_300_799

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/**
 * A time as POSIX seconds: a date with time and zone as in RFC 3339, parts of a second cut off, or the seconds themselves.
 * Throws RangeError for a text that is neither, and for a day or time that no calendar has.
 */
export const parseTime = (text: string): number => {
  if (/^[0-9]+$/.test(text)) return parseSeconds(text)
  const [, year, month, day, hour, minute, second, sign, zoneHour = 0, zoneMinute = 0] = DATE_TIME.exec(text) ?? []
  if (year === undefined) throw new RangeError(`want a time such as 2026-01-31T23:59:59Z or POSIX seconds, got ${text}`)
  const local = new Date(0)
  local.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  local.setUTCHours(Number(hour), Number(minute), Number(second))
  // A Date takes the 30th of February for the 2nd of March.
  const isReal = local.toISOString().startsWith(text.slice(0, 19).toUpperCase())
  if (!isReal || Number(zoneHour) > 23 || Number(zoneMinute) > 59) throw new RangeError(`there is no time ${text}`)
  const offset = 3_600 * Number(zoneHour) + 60 * Number(zoneMinute)
  const seconds = local.getTime() / 1_000 + (sign === '-' ? offset : -offset)
  if (seconds < 0) throw new RangeError(`want a time from 1970 on, got ${text}`)
  return seconds
}

const parseSeconds = (text: string): number => {
  const seconds = parseDecimal(text)
  // Milliseconds would be a bound that everything meets.
  if (seconds > LAST_SECOND) throw new RangeError(`want seconds, not a smaller unit, got ${text}`)
  return seconds
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** A duration as seconds: a whole number and one of the units s, m, h and d. Throws RangeError for every other text. */
export const parseDuration = (text: string): number => {
  const [, count, unit] = /^(0|[1-9][0-9]{0,8})([smhd])$/.exec(text) ?? []
  if (count === undefined || unit === undefined)
    throw new RangeError(`want a duration such as 90s, 10m, 24h or 7d, got ${text}`)
  return Number(count) * (UNITS[unit] ?? 1)
}
