import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { COSIGNATURE_V1, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { signerKey } from '../../src/note/key.ts'
import { verifyMldsa44 } from '../../src/primitives/mldsa44.ts'
import type { SigningThreads as Threads } from '../../src/witness/signing-threads.node.ts'
import { repositoryRoot } from '../support/root.ts'

// Threads are started from a file, and only the built ones are JavaScript.
const built = pathToFileURL(join(repositoryRoot, 'dist/witness/signing-threads.node.js')).href
const { SigningThreads } = (await import(built)) as { readonly SigningThreads: typeof Threads }

const ed25519 = signerKey('w.example', COSIGNATURE_V1, new Uint8Array(32).fill(1))
const first = signerKey('w.example', SUBTREE_V1, new Uint8Array(32).fill(2))
const second = signerKey('w.example', SUBTREE_V1, new Uint8Array(32).fill(3))

describe('SigningThreads', () => {
  it('signs each message with the key that was asked for', async () => {
    await using threads = new SigningThreads([ed25519, first, second], 2)
    const tasks = Array.from({ length: 12 }, (_, i) => ({
      key: i % 3 === 0 ? second : first,
      message: new Uint8Array(i + 1).fill(i),
    }))
    const signatures = await Promise.all(tasks.map(({ key, message }) => threads.sign(key, message)))
    for (const [i, { key, message }] of tasks.entries())
      expect(verifyMldsa44(signatures[i] ?? message, message, key.publicKey)).toBe(true)
  })

  it('signs with no key that it was not started with', async () => {
    await using threads = new SigningThreads([first], 1)
    await expect(threads.sign(second, new Uint8Array(1))).rejects.toThrow('want one of the keys that sign here')
    await expect(threads.sign(ed25519, new Uint8Array(1))).rejects.toThrow(RangeError)
  })

  it('rejects what a thread cannot sign, and signs the next', async () => {
    await using threads = new SigningThreads([first], 1)
    const bad = undefined as unknown as Uint8Array
    await expect(threads.sign(first, bad)).rejects.toThrow(Error)
    const message = new Uint8Array(7)
    expect(verifyMldsa44(await threads.sign(first, message), message, first.publicKey)).toBe(true)
  })

  it('rejects what waits when it is stopped, and everything afterwards', async () => {
    const threads = new SigningThreads([first], 1)
    const waiting = Array.from({ length: 4 }, () => threads.sign(first, new Uint8Array(1)))
    const settled = Promise.allSettled(waiting)
    await threads[Symbol.asyncDispose]()
    expect((await settled).map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
    await expect(threads.sign(first, new Uint8Array(1))).rejects.toThrow('were stopped')
  })
})
