/**
 * R5m: a bit flips in memory, at each stage between the producer's bytes and the disk. The parts of a log are handed in, so
 * a part that flips needs no hook: what it is given or gives back is wrong by one bit.
 */
import { describe, expect, it } from 'vitest'
import { memoryLedger } from '../../src/log/ledger.ts'
import { createLog, openLog } from '../../src/log/open.ts'
import type { NoteSigner } from '../../src/note/algorithm.ts'
import { ED25519 } from '../../src/note/algorithm.ts'
import { signerKey } from '../../src/note/key.ts'
import { TlogError } from '../../src/primitives/error.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { Commit, LogStore } from '../../src/storage/storage.ts'
import { signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'
import { entryWriter } from './entries.ts'
import { derivedSeed, type Random, seededRandom } from './random.ts'
import { leafHashOf, rootOf } from './tree.ts'

const key = signerKey('example.com/memory', ED25519, new Uint8Array(32).fill(7))
const flipsEach = 200

/** Flips one bit of one of the arrays, in place. */
const flipOneOf = (arrays: readonly Uint8Array[], random: Random): void => {
  const bytes = random.pick(arrays)
  const at = random.integer(0, bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (2 ** random.integer(0, 8))
}

const copyOf = (step: Commit): Commit => ({
  ...step,
  head: step.head.slice(),
  entries: step.entries.map((entry) => entry.slice()),
  fullTiles: new Map([...step.fullTiles].map(([tile, hashes]) => [tile, hashes.slice()])),
})

/** What is done at each stage, once, when the log is given its entries. */
interface Stage {
  readonly title: string
  readonly onClock?: (entries: readonly Uint8Array[], random: Random) => void
  readonly onCommit?: (step: Commit, random: Random) => void
  readonly onSign?: (text: string, signer: NoteSigner, random: Random) => Uint8Array
  /** Whether the log must refuse the entries, or may take them because the bit is flipped after the last look at it. */
  readonly mustRefuse: boolean
}

const stages: readonly Stage[] = [
  { title: 'an entry, between hashing and signing', onClock: flipOneOf, mustRefuse: true },
  {
    title: 'the signature',
    onSign: (text, signer, random) => {
      const signature = signer.sign(text).slice()
      flipOneOf([signature], random)
      return signature
    },
    mustRefuse: true,
  },
  {
    title: 'the root in the text that is signed',
    onSign: (text, signer) =>
      signer.sign(text.replace(/\n(.)(.*)\n$/, (_, a, b) => `\n${a === 'A' ? 'B' : 'A'}${b}\n`)),
    mustRefuse: true,
  },
  {
    title: 'an entry, on its way to the disk',
    onCommit: ({ entries }, random) => flipOneOf(entries, random),
    mustRefuse: false,
  },
  {
    title: 'a full tile, on its way to the disk',
    onCommit: ({ fullTiles }, random) => flipOneOf([...fullTiles.values()], random),
    mustRefuse: false,
  },
]

const tryStage = async ({ onClock, onCommit, onSign, mustRefuse }: Stage, seed: number): Promise<void> => {
  const random = seededRandom(seed)
  await using storage = await openStorage('memory:')
  const ledger = memoryLedger()
  const given = entryWriter('memory', seed)
  const entries = Array.from({ length: 300 }, given.next)
  const submitted = entries.map((entry) => new Uint8Array(entry))
  let isArmed = false
  const store: LogStore = {
    head: () => storage.log.head(),
    entries: (start, end) => storage.log.entries(start, end),
    fullTile: (tile) => storage.log.fullTile(tile),
    lookup: (keys) => storage.log.lookup(keys),
    commit: (step) => {
      const copy = copyOf(step)
      if (isArmed) onCommit?.(copy, random)
      return storage.log.commit(copy)
    },
  }
  const trueSigner = signerOf(key)
  const signer = {
    ...trueSigner,
    sign: (text: string) =>
      isArmed && onSign !== undefined ? onSign(text, trueSigner, random) : trueSigner.sign(text),
  }
  let isRead = false
  // The clock is first read after the entries were hashed and integrated.
  const clock = (): number => {
    if (isArmed && !isRead) onClock?.(submitted, random)
    isRead = isArmed
    return Date.now()
  }
  const parts = { store, ledger, key: { signer, verifier: verifierOf(key) }, clock }
  await createLog(parts)
  const log = await openLog(parts)
  const before = await ledger.last()
  isArmed = true
  const outcome = await log.sequencer.append(submitted).then(
    () => 'taken',
    (error: unknown) => (error instanceof TlogError ? error.code : error),
  )
  isArmed = false

  const { published } = log.reader
  if (mustRefuse) {
    expect(outcome).not.toBe('taken')
    expect(published.size).toBe(0)
    expect(await ledger.last()).toEqual(before)
    await expect(log.sequencer.append([new Uint8Array(1)])).rejects.toMatchObject({ code: 'poisoned' })
    return
  }
  // Whatever was signed is the root of what the producer sent, and what cannot be served right is not served.
  expect(Buffer.from(published.root)).toEqual(rootOf(entries.map(leafHashOf)))
  let named = 0
  for (const [start, end] of [
    [0, 256],
    [256, 300],
  ] as const) {
    try {
      const served = await log.reader.entries(start, end)
      // As one buffer, because comparing hundreds is slow.
      expect(Buffer.concat(served).equals(Buffer.concat(entries.slice(start, end)))).toBe(true)
      const tile = await log.reader.resource({ level: 0, index: start / 256, width: end - start })
      expect(Buffer.concat(entries.slice(start, end).map(leafHashOf)).equals(tile)).toBe(true)
    } catch (error) {
      if (!(error instanceof TlogError) || error.code !== 'corrupt') throw error
      named++
    }
  }
  expect(named).toBeGreaterThan(0)
}

describe('[FAULT-8] a bit that flips in memory', () => {
  it.each(stages)('is never signed and never served: $title', async (stage) => {
    for (let n = 0; n < flipsEach; n++) {
      const seed = derivedSeed(1, n)
      await tryStage(stage, seed).catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error })
      })
    }
  })
})
