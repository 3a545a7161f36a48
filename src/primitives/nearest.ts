/** The known name that a mistyped one was probably meant to be. */

/**
 * The name of `known` that is the fewest single-character edits away, or undefined when that is over `within`: by default
 * a third of the name.
 */
export const nearest = (
  name: string,
  known: Iterable<string>,
  within = Math.max(2, Math.floor(name.length / 3)),
): string | undefined => {
  // What is this long is no slip of the finger, and the distance costs its square.
  if (name.length > MAX_NAME) return undefined
  let best: string | undefined
  let least = within + 1
  for (const candidate of known) {
    const distance = editDistance(name, candidate)
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

const MAX_NAME = 64

/** Levenshtein's distance, one row at a time. */
const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
