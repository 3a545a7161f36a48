/** Entries and tiles under a monitor: verified once, chunk by chunk, and again where they were bad (spec/monitor.md). */
import type { CallOptions } from '../client/resources.ts'
import { lruTileCache } from '../client/tile-cache.ts'
import type { TileCache, TileTree } from '../client/tile-tree.ts'
import type { Trust } from '../client/trust.ts'
import { isTlogError } from '../primitives/error.ts'
import { TILE_WIDTH } from '../tlog/tile.ts'
import { checkTree } from './fsck.ts'
import { Findings } from './fsck-report.ts'
import { type FsckSource, readOrDamage } from './fsck-source.ts'

/** Entries in a chunk: after each the position is saved. All tiles of the two lowest levels in it are full. */
export const CHUNK_ENTRIES = TILE_WIDTH * TILE_WIDTH

/** How far a log was verified. */
export interface VerifiedData {
  /** Every entry before this index was looked at. */
  readonly verified: number
  /** Chunks in which something was bad, by number. */
  readonly damaged: readonly { readonly chunk: number; readonly detail: string }[]
}

/** What is verified, and how. */
export interface DataParts {
  readonly source: FsckSource
  /** Keys of the log. */
  readonly trust: Trust
  /** The tree of the newest head that was accepted. */
  readonly tree: TileTree
}

/** How much to do. */
export interface DataCall extends CallOptions {
  /** Chunks to verify at most. */
  readonly maxChunks: number
  /** Look at the damaged chunks again. */
  readonly recheck: boolean
}

/** With more damaged chunks, nothing further is verified until some of them are mended. */
export const MAX_DAMAGED = 64

/** Verifies data as it is served, and remembers full tiles that were in order, since the next chunk grows from them. */
export class DataVerifier {
  #tiles: TileCache = lruTileCache()

  /**
   * Goes on from `data` towards the size of the tree; yields how far it came after each chunk. Rejects as the source does
   * where it cannot tell, and when `signal` is aborted.
   */
  async *verify(
    data: VerifiedData,
    parts: DataParts,
    { maxChunks, recheck, signal }: DataCall,
  ): AsyncGenerator<VerifiedData, void, undefined> {
    let now = data
    if (recheck) {
      for (const { chunk } of data.damaged) {
        now = withVerdict(now, chunk, await this.#check(parts, { chunk, from: chunk * CHUNK_ENTRIES, signal }))
        yield now
      }
    }
    const { size } = parts.tree
    for (let done = 0; done < maxChunks && now.verified < size && now.damaged.length < MAX_DAMAGED; done++) {
      const from = now.verified
      const chunk = Math.floor(from / CHUNK_ENTRIES)
      const verified = Math.min(size, (chunk + 1) * CHUNK_ENTRIES)
      // A chunk that is known to be bad is looked at as a whole, when its turn comes again.
      const isKnown = now.damaged.some((one) => one.chunk === chunk)
      if (!isKnown) now = withVerdict(now, chunk, await this.#check(parts, { chunk, from, signal }))
      now = { ...now, verified }
      yield now
    }
  }

  /** What is wrong with the entries from `from` to the end of the chunk, and with the tiles that they complete. */
  async #check(
    { source, trust, tree }: DataParts,
    { chunk, from, signal }: { chunk: number; from: number } & CallOptions,
  ): Promise<string | undefined> {
    const size = Math.min(tree.size, (chunk + 1) * CHUNK_ENTRIES)
    const hasPartialTiles = size === tree.size
    const findings = new Findings()
    const root = await readOrDamage(tree.rootAt(size)).catch((error: unknown) => {
      if (!isTlogError(error, 'bad_proof')) throw error
      return { kind: 'damage', error } as const
    })
    if (root.kind === 'damage') return `no root of size ${size}: ${root.error.message}`
    const options = { ...trust, from, signal }
    await checkTree({ ...this.#remembering(source), hasPartialTiles }, { size, root: root.value }, findings, options)
    const [first] = findings.problems
    if (first === undefined) return undefined
    // Something that was remembered may have been bad as well.
    this.#tiles = lruTileCache()
    return `${first.kind} ${first.at}: ${first.message}${findings.count > 1 ? `, and ${findings.count - 1} more` : ''}`
  }

  #remembering(source: FsckSource): FsckSource {
    const tiles = this.#tiles
    return {
      ...source,
      tile: async (tile, call) => {
        if (tile.width < TILE_WIDTH) return source.tile(tile, call)
        const known = tiles.get(tile)
        if (known !== undefined) return known
        const bytes = await source.tile(tile, call)
        tiles.set(tile, bytes)
        return bytes
      },
    }
  }
}

const withVerdict = (data: VerifiedData, chunk: number, detail: string | undefined): VerifiedData => {
  const others = data.damaged.filter((one) => one.chunk !== chunk)
  return { ...data, damaged: detail === undefined ? others : [...others, { chunk, detail }] }
}
