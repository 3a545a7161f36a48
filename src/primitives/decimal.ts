/** Decimal integers as the C2SP formats write sizes and indices: no sign, no leading zero, at most 2^53−1. */
import { TlogError } from './error.ts'

/** Parses `0` or a number without leading zeros, up to 2^53−1. Throws `malformed` for every other text. */
export const parseDecimal = (text: string): number => {
  // Number() alone would take '', ' 7 ', '0x10' and '1e3'; the length bound keeps hostile input short.
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) {
    throw new TlogError(
      'malformed',
      `want a decimal from 0 to 2^53-1 without leading zeros, got ${JSON.stringify(text.slice(0, 24))}`,
    )
  }
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new TlogError('malformed', `${text} is over 2^53-1`)
  return value
}

/** The one text of a size or index. Throws RangeError for what is not a whole number from 0 to 2^53−1. */
export const formatDecimal = (value: number): string => {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`want a whole number from 0 to 2^53-1, got ${value}`)
  return String(value)
}
