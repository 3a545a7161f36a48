/** Words of a text, as they are searched: runs of Unicode letters, marks and digits, without regard to case. */

/** The words, in order; one that occurs twice is there twice. */
export const wordsOf = (text: string): readonly string[] => {
  // Nearly every text is ASCII, where lower case is all that folding does.
  if (ASCII.test(text)) return text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return fold(text).match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
}

const ASCII = /^[\t-~]*$/

/**
 * One text for all that differ in case or in how characters are composed. By way of upper case, so that `ß` is found as
 * `SS`; a sigma is lowered by what stands behind it, which must not make two words of one.
 */
const fold = (text: string): string =>
  text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC').replaceAll('ς', 'σ')
