/** What is known of one log's heads, and what a further one means, pure: known already, to be compared, or a fork. */
import { equalHash, type Hash } from '../primitives/hash.ts'

/** A head that the log signed: verified before it comes here. */
export interface SeenHead {
  readonly size: number
  readonly root: Hash
  /** The signed checkpoint. */
  readonly bytes: Uint8Array
}

/** The heads of one log. */
export interface KnownHeads {
  /** One for each size that was seen, oldest sight first; at most `MAX_RECENT`. */
  readonly recent: readonly SeenHead[]
  /** Those that nobody has yet shown to be of one history with `agreed`; at most `MAX_UNPROVEN`. */
  readonly unproven: readonly SeenHead[]
  /** The largest of those that were shown to be of one history; what is agreed on later has to continue it. */
  readonly agreed: SeenHead | undefined
}

/** What a head means. */
export type Verdict =
  /** The same head was seen before. */
  | { readonly kind: 'known' }
  /** It has to be compared with the history that the log serves. */
  | { readonly kind: 'new' }
  /** The log signed another tree of the same size. */
  | { readonly kind: 'fork'; readonly other: SeenHead }
  /** No room: so many heads wait for proof that this one is not remembered. The log that signed them is to be looked at. */
  | { readonly kind: 'crowded' }

/** Sizes that are remembered: a fork of the same size as any of them is noticed without anyone's help. */
export const MAX_RECENT = 256

/** Heads that wait for proof. None of them makes room for a later one: a log could bury the head that convicts it. */
export const MAX_UNPROVEN = 32

/** Of a log that was never heard of. */
export const NO_HEADS: KnownHeads = { recent: [], unproven: [], agreed: undefined }

/** Looks at a head, and remembers it unless it is known. */
export const see = (known: KnownHeads, head: SeenHead): { readonly heads: KnownHeads; readonly verdict: Verdict } => {
  const other = known.recent.find(({ size }) => size === head.size)
  if (other !== undefined) {
    const verdict: Verdict = equalHash(other.root, head.root) ? { kind: 'known' } : { kind: 'fork', other }
    return { heads: known, verdict }
  }
  if (known.unproven.length >= MAX_UNPROVEN) return { heads: known, verdict: { kind: 'crowded' } }
  const recent = [...withRoom(known), head]
  return { heads: { ...known, recent, unproven: [...known.unproven, head] }, verdict: { kind: 'new' } }
}

/** Of those that were shown to be of one history the oldest goes: any larger one says the same. */
const withRoom = ({ recent, unproven }: KnownHeads): readonly SeenHead[] => {
  if (recent.length < MAX_RECENT) return recent
  const oldest = recent.findIndex((head) => !unproven.includes(head))
  return recent.toSpliced(oldest, 1)
}

/** What a comparison with the history that the log serves has shown. */
export interface Compared {
  readonly heads: KnownHeads
  /** Heads that the log signed and that are not of the history that it serves now. */
  readonly contradicted: readonly SeenHead[]
}

/**
 * The heads that a served tree of `size` can be compared with: those that wait, and the largest of those that were agreed
 * on before, because a log may serve one history today and another tomorrow. The smaller ones are its beginnings.
 */
export const comparable = (known: KnownHeads, size: number): readonly SeenHead[] => {
  const { recent, unproven, agreed } = known
  const waiting = unproven.filter((head) => head.size <= size)
  if (agreed === undefined) return waiting
  if (agreed.size <= size) return [agreed, ...waiting]
  const settled = largestOf(recent.filter((head) => head.size <= size && !unproven.includes(head)))
  return settled === undefined ? waiting : [settled, ...waiting]
}

const largestOf = (heads: readonly SeenHead[]): SeenHead | undefined =>
  heads.reduce<SeenHead | undefined>((a, b) => (a === undefined || b.size > a.size ? b : a), undefined)

/** Compares: `served` is what the log serves, with its root at the size of every head that is comparable. */
export const compare = (
  known: KnownHeads,
  served: { readonly size: number; readonly rootAt: (size: number) => Hash },
): Compared => {
  const isServed = (head: SeenHead): boolean => equalHash(served.rootAt(head.size), head.root)
  const heads = comparable(known, served.size)
  const contradicted = heads.filter((head) => !isServed(head))
  // An older tree than the one that was agreed on, or another one, cannot show what is of its history.
  const { agreed } = known
  const isNewest = agreed === undefined || (agreed.size <= served.size && isServed(agreed))
  return { heads: isNewest ? agree(known, heads.filter(isServed)) : known, contradicted }
}

/** Notes that these heads are of one history, which is that of the newest head that was agreed on. */
const agree = (known: KnownHeads, proven: readonly SeenHead[]): KnownHeads => ({
  ...known,
  unproven: known.unproven.filter((head) => !proven.includes(head)),
  agreed: largestOf(known.agreed === undefined ? proven : [known.agreed, ...proven]),
})
