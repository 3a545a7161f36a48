/** A log of plain events, as far as a search needs one: neither hashed nor sealed, so that there can be many. */
import type { StoredEvent } from '../../../src/audit/event-reader.ts'
import type { AppendedEvent } from '../../../src/audit/recorder.ts'
import { mac } from '../../../src/audit/sealer.node.ts'
import { openSearch, type Search, type SearchOptions } from '../../../src/audit/search/open-search.ts'
import { SEARCH_STORE } from '../../../src/audit/search/search-store.ts'
import { groups, groupValues } from '../../../src/event/groups.ts'
import { formatLeaf } from '../../../src/event/leaf.ts'
import { encodeUtf8 } from '../../../src/primitives/bytes.ts'
import { asHash } from '../../../src/primitives/hash.ts'
import type { Storage } from '../../../src/storage/storage.ts'

/** The log. */
export interface PlainLog {
  /** In the order of indices. */
  readonly events: readonly AppendedEvent[]
  /** Adds events; nobody is told. */
  push(events: readonly AppendedEvent[]): void
  /** Grows the tree by entries of another kind. */
  skip(count: number): void
  /** How many events were read. */
  readonly reads: number
  readonly readMany: SearchOptions['events']['readMany']
  readonly reader: SearchOptions['reader']
  /** Entries as they would be in a tree. */
  leaves(): readonly Uint8Array[]
  /** The index over it. */
  open(storage: Storage, more?: Partial<SearchOptions>): Promise<Search>
}

/**
 * A new one. With `compact` it keeps events as texts, which costs the collector nothing, and the list of events stays empty.
 */
export const plainLog = ({ compact = false }: { readonly compact?: boolean } = {}): PlainLog => {
  const events: AppendedEvent[] = []
  const texts: string[] = []
  const places: number[] = []
  const eventAt = (index: number): AppendedEvent | undefined => {
    const place = places[index]
    if (place === undefined) return undefined
    return compact ? (JSON.parse(texts[place] ?? '') as AppendedEvent) : events[place]
  }
  let size = 0
  let reads = 0
  const readMany = async (indices: readonly number[]): Promise<readonly StoredEvent[]> => {
    const found = indices.flatMap((index) => eventAt(index) ?? [])
    reads += found.length
    return found.map(storedOf)
  }
  const reader = {
    get published() {
      return { size } as SearchOptions['reader']['published']
    },
    entries: async () => [],
  }
  return {
    events,
    push: (more) => {
      for (const event of more) {
        places[event.index] = compact ? texts.push(JSON.stringify(event)) - 1 : events.push(event) - 1
        size = event.index + 1
      }
    },
    skip: (count) => {
      size += count
    },
    get reads() {
      return reads
    },
    readMany,
    reader,
    leaves: () => events.map((event) => formatLeaf(storedOf(event).leaf)),
    open: (storage, more) =>
      openSearch({
        store: storage.keyValue(SEARCH_STORE),
        subjects: plainSubjects,
        events: { readMany },
        reader,
        ...more,
      }),
  }
}

/** A key that everybody knows. */
export const plainSubjects = { tag: (text: string): Uint8Array => mac(new Uint8Array(32), encodeUtf8(text)) }

const NO_HASH = asHash(new Uint8Array(32))

const storedOf = ({ index, received, source, event }: AppendedEvent): StoredEvent => {
  const { action, outcome } = event
  const values = groupValues(event)
  const salt = new Uint8Array(32)
  const openings = Object.fromEntries(
    groups.flatMap((group) => (values[group] === undefined ? [] : [[group, { salt, value: values[group] }]])),
  )
  const leaf = {
    origin: 'x',
    received,
    action,
    outcome,
    source,
    number: 1,
    handles: {},
    commitments: {},
    payloadSize: 0,
  }
  return { index, bytes: NO_HASH, leaf, leafHash: NO_HASH, openings, absent: [] }
}
