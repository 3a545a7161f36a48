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
  /** Those that nobody has yet shown to be of the history that the log serves; at most `MAX_UNPROVEN`. */
  readonly unproven: readonly SeenHead[]
  /** The largest of those that were shown to be of one history. */
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

/** Sizes that are remembered: a fork of the same size as any of them is noticed without anyone's help. */
export const MAX_RECENT = 256

/** Heads that wait for proof; a log that signs without serving loses the oldest of them. */
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
  const heads = {
    ...known,
    recent: [...known.recent, head].slice(-MAX_RECENT),
    unproven: [...known.unproven, head].slice(-MAX_UNPROVEN),
  }
  return { heads, verdict: { kind: 'new' } }
}

/** Notes that these heads are of one history, which is that of the log's own newest head. */
export const agree = (known: KnownHeads, proven: readonly SeenHead[]): KnownHeads => {
  const isProven = (head: SeenHead): boolean =>
    proven.some(({ size, root }) => size === head.size && equalHash(root, head.root))
  const all = known.agreed === undefined ? proven : [known.agreed, ...proven]
  return {
    ...known,
    unproven: known.unproven.filter((head) => !isProven(head)),
    agreed: all.reduce<SeenHead | undefined>((a, b) => (a === undefined || b.size > a.size ? b : a), undefined),
  }
}
