/** Paths, widths and framing of tiles (c2sp.org/tlog-tiles), once more apart from the program's own. */

/** The path of a tile or bundle after its level: `000`, `x001/234.p/5`. */
export const tilePath = (index: number, width: number): string => {
  const groups: string[] = []
  for (let rest = index; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`${groups.length === 0 ? '' : 'x'}${String(rest % 1000).padStart(3, '0')}`)
  }
  return groups.join('/') + (width === 256 ? '' : `.p/${width}`)
}

/** The widths of the tiles that hold `count` hashes: full ones, and a partial one if there is a rest. */
export const widths = (count: number): readonly number[] =>
  Array.from({ length: Math.ceil(count / 256) }, (_, i) => Math.min(256, count - 256 * i))

/** Entries as a bundle or a batch holds them: each after its length in two bytes. */
export const framed = (entries: readonly Buffer[]): Buffer =>
  Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(entry.length)
      return [length, entry]
    }),
  )
