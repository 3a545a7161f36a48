/** Internet addresses as terms: each address has a term for every prefix of whole hexadecimal digits. */
import { TlogError } from '../../primitives/error.ts'

/**
 * The terms of an address: `4` or `6`, and up to all of its digits. No terms for what is no address. An IPv4 address that
 * is written as IPv6 (`::ffff:192.0.2.7`) is the IPv4 address.
 */
export const addressTerms = (text: string): readonly string[] => {
  const digits = digitsOf(text)
  return digits === undefined ? [] : Array.from({ length: digits.length }, (_, i) => digits.slice(0, i + 1))
}

/**
 * The terms of which an address within `text`, an address or a CIDR, has exactly one: at most eight of them, because all
 * but the last digit are fixed. Bits behind the prefix are ignored. Throws `malformed`.
 */
export const rangeTerms = (text: string): readonly string[] => {
  const [, address = '', length] = /^([0-9a-fA-F:.]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? []
  const digits = digitsOf(address)
  if (digits === undefined)
    throw new TlogError('malformed', `want an address or a CIDR such as 192.0.2.0/24, got ${text}`)
  const bits = 4 * (digits.length - 1)
  // spec: an IPv4 address in IPv6 has 96 bits before it.
  const mapped = address.includes(':') && bits === 32 ? 96 : 0
  const prefix = length === undefined ? bits : Number(length) - mapped
  if (prefix < 0 || prefix > bits)
    throw new TlogError('malformed', `${text} has a prefix that its address does not have`)
  const whole = Math.ceil(prefix / 4)
  const free = 4 * whole - prefix
  if (free === 0) return [digits.slice(0, whole + 1)]
  const last = Number.parseInt(digits[whole] ?? '0', 16) & (0xf << free)
  return Array.from({ length: 2 ** free }, (_, i) => digits.slice(0, whole) + (last + i).toString(16))
}

/** The family and all the hexadecimal digits, or undefined. */
const digitsOf = (text: string): string | undefined => {
  const four = fourDigits(text)
  if (four !== undefined) return `4${four}`
  const six = sixDigits(text)
  if (six === undefined) return undefined
  return six.startsWith(MAPPED) ? `4${six.slice(MAPPED.length)}` : `6${six}`
}

// spec: RFC 4291 section 2.5.5.2, 80 bits of zeros and 16 of ones before the IPv4 address.
const MAPPED = `${'0'.repeat(20)}ffff`

const BYTE = '(0|[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-5])'
const DOTTED = new RegExp(`^${BYTE}\\.${BYTE}\\.${BYTE}\\.${BYTE}$`)

const fourDigits = (text: string): string | undefined => {
  const parts = DOTTED.exec(text)
  return parts
    ?.slice(1)
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')
}

// spec: RFC 4291 section 2.2: eight groups; "::" stands for one or more groups of zeros, once; the last two may be dotted.
const sixDigits = (text: string): string | undefined => {
  const tail = /[^:]*\.[^:]*$/.exec(text)?.[0]
  const dotted = tail === undefined ? '' : fourDigits(tail)
  if (dotted === undefined) return undefined
  const plain = tail === undefined ? text : `${text.slice(0, -tail.length)}${dotted.slice(0, 4)}:${dotted.slice(4)}`
  const halves = plain.split('::')
  if (halves.length > 2) return undefined
  const [head = [], rest = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const given = head.length + rest.length
  if (halves.length === 2 ? given > 7 : given !== 8) return undefined
  const all = [...head, ...Array.from({ length: 8 - given }, () => '0'), ...rest]
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return all.map((group) => group.toLowerCase().padStart(4, '0')).join('')
}
