/** Times as producers write them (RFC 3339). */

// spec: date-time = full-date "T" full-time; seconds may have a fraction, and the offset is "Z" or +hh:mm.
const RFC_3339 =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/

/** Milliseconds since the Unix epoch, rounded down; a leap second counts as the one after it. Undefined for other texts. */
export const parseTime = (text: string): number | undefined => {
  const parts = RFC_3339.exec(text)
  if (parts === null) return undefined
  const [, year, month, day, hours, minutes, seconds, fraction = '', sign, offsetHours, offsetMinutes] = parts
  if (Number(day) > daysInMonth(Number(year), Number(month))) return undefined
  const date = daysSinceEpoch(Number(year), Number(month), Number(day)) * 86_400_000
  const offset = sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(offsetHours) * 60 + Number(offsetMinutes))
  const milliseconds = Number(fraction.padEnd(3, '0').slice(0, 3))
  return date + ((Number(hours) * 60 + Number(minutes) - offset) * 60 + Number(seconds)) * 1_000 + milliseconds
}

/** Numbers a year whose leap day is its last: it begins in March. */
const daysSinceEpoch = (year: number, month: number, day: number): number => {
  const shifted = month > 2 ? year : year - 1
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400)
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  // 719,468 days lie between March 1 of the year 0 and January 1, 1970.
  return 365 * shifted + leapDays + dayOfYear - 719_468
}

const daysInMonth = (year: number, month: number): number => {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}
