/** RFC 6962 section 2.1 written down as it stands there: slow, recursive, and the judge of everything else. */
import { createHash } from 'node:crypto'

const H = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

const k = (n: number): number => {
  let power = 1
  while (power * 2 < n) power *= 2
  return power
}

/** MTH(D[n]). */
export const MTH = (D: readonly Uint8Array[]): Uint8Array => {
  const n = D.length
  if (n === 0) return H()
  if (n === 1) return H(Uint8Array.of(0x00), D[0]!)
  return H(Uint8Array.of(0x01), MTH(D.slice(0, k(n))), MTH(D.slice(k(n))))
}

/** PATH(m, D[n]). */
export const PATH = (m: number, D: readonly Uint8Array[]): readonly Uint8Array[] => {
  const n = D.length
  if (n === 1) return []
  if (m < k(n)) return [...PATH(m, D.slice(0, k(n))), MTH(D.slice(k(n)))]
  return [...PATH(m - k(n), D.slice(k(n))), MTH(D.slice(0, k(n)))]
}

/** PROOF(m, D[n]). */
export const PROOF = (m: number, D: readonly Uint8Array[]): readonly Uint8Array[] => SUBPROOF(m, D, true)

const SUBPROOF = (m: number, D: readonly Uint8Array[], b: boolean): readonly Uint8Array[] => {
  const n = D.length
  if (m === n) return b ? [] : [MTH(D)]
  if (m <= k(n)) return [...SUBPROOF(m, D.slice(0, k(n)), b), MTH(D.slice(k(n)))]
  return [...SUBPROOF(m - k(n), D.slice(k(n)), false), MTH(D.slice(0, k(n)))]
}
