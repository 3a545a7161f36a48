/** Nodes of the tree by level and index, and the few of them that cover a range of leaves. */
import { bitLength, shiftRight, trailingZeros } from './bits.ts'

/**
 * A perfect subtree: the node `index` of `level` covers the leaves `index · 2^level` up to `(index + 1) · 2^level`.
 *
 * ```text
 *   level 2         ┌───0───┐       ┌───1──…
 *   level 1       ┌─0─┐   ┌─1─┐   ┌─2─┐
 *   level 0       0   1   2   3   4   5   6
 * ```
 */
export interface NodeId {
  readonly level: number
  readonly index: number
}

/** The leaves from `start` up to but not including `end`. */
export interface LeafRange {
  readonly start: number
  readonly end: number
}

/**
 * The fewest perfect subtrees that cover the range, left to right: at most two for each level, and one for each set bit
 * of `end` when `start` is 0 (then it is the "compact range" or frontier of a tree of that size).
 */
export const coveringNodes = ({ start, end }: LeafRange): readonly NodeId[] => {
  const nodes: NodeId[] = []
  for (let at = start; at < end; ) {
    const fits = bitLength(end - at) - 1
    const level = at === 0 ? fits : Math.min(fits, trailingZeros(at))
    nodes.push({ level, index: shiftRight(at, level) })
    at += 2 ** level
  }
  return nodes
}
