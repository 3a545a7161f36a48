/** The version of the program, and which implementations it chose on this machine. */
import { readFileSync } from 'node:fs'
import { treeHasher } from '../merkle/hasher.ts'
import { ed25519Provider } from '../primitives/ed25519.ts'
import { mldsa44Provider } from '../primitives/mldsa44.ts'

/** For example `0.1.0 (sha-256: wasm-simd, ed25519: platform, node 20.20.2)`. */
export const version = (): string => {
  const { version: own } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string
  }
  return `${own} (sha-256: ${treeHasher().name}, ed25519: ${ed25519Provider}, ml-dsa-44: ${mldsa44Provider}, node ${process.versions.node})`
}
