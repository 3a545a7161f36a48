/** JSON in its canonical form (RFC 8785, JCS). */

/**
 * One text for each JSON value: members sorted by the UTF-16 units of their names, numbers and strings as ECMAScript
 * writes them. Members that are undefined are left out. Throws RangeError for numbers that are not finite and for lone
 * surrogates, which RFC 8785 does not allow, and TypeError for what is no JSON.
 */
export const canonicalJson = (value: unknown): string => {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new RangeError('no JSON for half of a surrogate pair')
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw new RangeError(`no JSON for ${value}`)
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? `[${value.map(canonicalJson).join(',')}]` : objectText(value)
    default:
      throw new TypeError(`no JSON for a ${typeof value}`)
  }
}

// Written by hand, because JSON.stringify puts names that look like array indices first.
const objectText = (value: object): string => {
  const members: Readonly<Record<string, unknown>> = value as Readonly<Record<string, unknown>>
  // spec: property name strings [...] are sorted [...] as arrays of UTF-16 code units: how strings compare.
  const names = Object.keys(members).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const written = names.filter((name) => members[name] !== undefined)
  return `{${written.map((name) => `${canonicalJson(name)}:${canonicalJson(members[name])}`).join(',')}}`
}
