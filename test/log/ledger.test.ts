/** The ledger file: compare and swap, and one readable slot whatever happens to the other. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openLedgerFile } from '../../src/log/ledger.node.ts'
import type { LedgerRecord } from '../../src/log/ledger.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { entry } from '../support/log.ts'

const folder = mkdtempSync(join(tmpdir(), 'treehead-ledger-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let made = 0
const freshPath = (): string => join(folder, `ledger-${made++}`)
const text = (record: LedgerRecord | undefined): string | undefined => record && new TextDecoder().decode(record.head)

/** A ledger of three heads; answers its path and bytes. */
const threeHeads = async (): Promise<{ path: string; bytes: Buffer }> => {
  const path = freshPath()
  await using ledger = await openLedgerFile({ path, create: true })
  expect(await ledger.last()).toBeUndefined()
  let last: LedgerRecord | undefined
  for (const head of ['one', 'two', 'three']) last = await ledger.record(last, entry(head))
  return { path, bytes: readFileSync(path) }
}

describe('[LEDGER-1] remembers', () => {
  it('the newest head, over closing and opening', async () => {
    const { path } = await threeHeads()
    await using ledger = await openLedgerFile({ path, create: false })
    expect(text(await ledger.last())).toBe('three')
    await ledger.record(await ledger.last(), entry('four'))
    expect(text(await ledger.last())).toBe('four')
  })

  it('is not made by mistake, nor over another', async () => {
    await expect(openLedgerFile({ path: freshPath(), create: false })).rejects.toSatisfy((e) =>
      isTlogError(e, 'not_found'),
    )
    const { path } = await threeHeads()
    await expect(openLedgerFile({ path, create: true })).rejects.toSatisfy((e) => isTlogError(e, 'io'))
  })
})

it('[LEDGER-2] a second writer conflicts instead of overwriting', async () => {
  const { path } = await threeHeads()
  await using one = await openLedgerFile({ path, create: false })
  await using two = await openLedgerFile({ path, create: false })
  const seen = await two.last()
  await one.record(await one.last(), entry('mine'))
  await expect(two.record(seen, entry('theirs'))).rejects.toSatisfy((e) => isTlogError(e, 'conflict'))
  expect(text(await two.last())).toBe('mine')
})

describe('[LEDGER-3] damage', () => {
  it('any flipped bit of the newest slot leaves the head before it; of the other slot, the newest', async () => {
    const { path, bytes } = await threeHeads()
    const slot = bytes.length / 2
    for (let bit = 0; bit < 63 * 8; bit += 3) {
      for (const [at, want] of [
        [slot, 'two'],
        [0, 'three'],
      ] as const) {
        const flipped = Buffer.from(bytes)
        flipped[at + Math.floor(bit / 8)]! ^= 1 << (bit % 8)
        writeFileSync(path, flipped)
        await using ledger = await openLedgerFile({ path, create: false })
        expect(text(await ledger.last())).toBe(want)
      }
    }
  })

  it('a torn write at any length leaves the head before it', async () => {
    const { path, bytes } = await threeHeads()
    const before = Buffer.from(bytes)
    {
      await using ledger = await openLedgerFile({ path, create: false })
      await ledger.record(await ledger.last(), entry('a much longer fourth head'))
    }
    const after = readFileSync(path)
    for (let cut = 0; cut < 100; cut++) {
      writeFileSync(path, Buffer.concat([after.subarray(0, cut), before.subarray(cut)]))
      await using ledger = await openLedgerFile({ path, create: false })
      expect(['three', 'a much longer fourth head']).toContain(text(await ledger.last()))
    }
  })

  it('no readable slot is corrupt, never empty', async () => {
    const { path, bytes } = await threeHeads()
    for (const damaged of [
      bytes.subarray(0, 0),
      bytes.subarray(0, 10),
      Buffer.alloc(bytes.length, 0xff),
      Buffer.concat([Buffer.alloc(1), bytes.subarray(1, 5)]),
    ]) {
      writeFileSync(path, damaged)
      await using ledger = await openLedgerFile({ path, create: false })
      await expect(ledger.last()).rejects.toSatisfy((e) => isTlogError(e, 'corrupt'))
    }
  })
})
