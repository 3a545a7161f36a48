/** Change of keys: a log in a real data folder and its clients, before, while and after two keys sign; and witnesses. */
import { chmodSync, cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type CheckpointStore, LogClient, type Trust, verifyProofFile } from '../../src/client/index.ts'
import { TileTree } from '../../src/client/tile-tree.ts'
import { createDataDir, openDataDir } from '../../src/log/data-dir.node.ts'
import { parseHead } from '../../src/log/head.ts'
import { openLedgerFile } from '../../src/log/ledger.node.ts'
import type { Log } from '../../src/log/open.ts'
import { openLogDir } from '../../src/log/open-dir.node.ts'
import { type LogKey, signHead, verifiersOf } from '../../src/log/publish.ts'
import { RefusedError } from '../../src/log/refusal.ts'
import { EMPTY_ROOT } from '../../src/merkle/hash.ts'
import { COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatSignerKey, formatVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { formatNote, parseNote, signNote } from '../../src/note/note.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { asHash } from '../../src/primitives/hash.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { parsePolicy } from '../../src/tlog/policy.ts'
import { checkPolicy } from '../../src/tlog/quorum.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { entries, entry, testKey } from '../support/log.ts'
import { LOG_URL, logFetch } from '../support/log-fetch.ts'

const ORIGIN = 'log.example/rotating'
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const second = signerKey(ORIGIN, ED25519, seed(2))

const scratch = mkdtempSync(join(tmpdir(), 'treehead-keys-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
let made = 0
const newFolder = async (): Promise<string> => {
  const path = join(scratch, `log-${made++}`)
  await createDataDir({ path, origin: ORIGIN, clock: Date.now, tokenLine: () => '' })
  return path
}

const read = (path: string, name: string): string => readFileSync(join(path, name), 'utf8').trim()
const addSecondKey = (path: string, key: SignerKey = second): void => {
  writeFileSync(join(path, 'log.next.key'), `${formatSignerKey(key)}\n`, { mode: 0o600 })
}
const retireFirstKey = (path: string): void => {
  writeFileSync(join(path, 'log.retired.vkey'), `${read(path, 'log.vkey')}\n`)
  renameSync(join(path, 'log.next.key'), join(path, 'log.key'))
  writeFileSync(join(path, 'log.vkey'), `${formatVerifierKey(second)}\n`)
}
const signaturesOn = (checkpoint: Uint8Array): readonly number[] =>
  parseNote(checkpoint).signatures.map(({ name, keyId }) => (name === ORIGIN ? keyId : -1))

/** Opens the log, hands it over, and closes it. */
const opened = async <T>(path: string, use: (log: Log) => Promise<T>): Promise<T> => {
  await using dir = await openLogDir({ path, clock: Date.now })
  return await use(dir.log)
}
const refusal = async (path: string): Promise<string> => {
  const error = await opened(path, async () => 'opened').catch((reason: unknown) => reason)
  return error instanceof RefusedError ? error.reason : String(error)
}

describe('[KEY-1] [KEY-3] [KEY-4] a log that changes its key', () => {
  it('keeps every client, every receipt and its history, step by step', async () => {
    const path = await newFolder()
    const vkey1 = read(path, 'log.vkey')
    const vkey2 = formatVerifierKey(second)
    const [id1, id2] = [(await openDataDir(path)).key.signer.keyId, second.keyId]
    const trusts = { first: { vkey: vkey1 }, both: { vkey: [vkey1, vkey2] }, second: { vkey: vkey2 } }

    const saved = new Map<string, Uint8Array>()
    const store: CheckpointStore = {
      load: async (log) => saved.get(log),
      save: async (b, log) => void saved.set(log, b),
    }
    const look = async (log: Log, trust: Trust): Promise<string> => {
      const client = new LogClient({ url: LOG_URL, ...trust, store, fetch: logFetch({ log }), maxAttempts: 1 })
      return client.checkpoint().then(
        ({ checkpoint }) => `size ${checkpoint.size}`,
        (error: unknown) => (isTlogError(error) ? error.code : String(error)),
      )
    }
    const receipt = (log: Log, index: number) => log.reader.proofFile(index)
    const believers = (file: Uint8Array, index: number): readonly string[] =>
      Object.entries(trusts)
        .filter(([, trust]) => {
          try {
            return verifyProofFile(file, { ...trust, entry: entry(`entry ${index}`) }).index === index
          } catch (error) {
            if (isTlogError(error, 'untrusted')) return false
            throw error
          }
        })
        .map(([name]) => name)

    const before = await opened(path, async (log) => {
      await log.sequencer.append(entries(300))
      expect(signaturesOn(log.reader.published.checkpoint)).toEqual([id1])
      expect(await look(log, trusts.first)).toBe('size 300')
      return receipt(log, 5)
    })
    expect(believers(before, 5)).toEqual(['first', 'both'])

    addSecondKey(path)
    const during = await opened(path, async (log) => {
      // A quiet log shows both signatures too, and the ledger has what is shown.
      expect(signaturesOn(log.reader.published.checkpoint)).toEqual([id1, id2])
      const file = await receipt(log, 5)
      await log.sequencer.append(entries(400))
      expect(signaturesOn(log.reader.published.checkpoint)).toEqual([id1, id2])
      expect(await look(log, trusts.both)).toBe('size 400')
      return file
    })
    expect(believers(during, 5)).toEqual(['first', 'both', 'second'])

    retireFirstKey(path)
    const after = await opened(path, async (log) => {
      expect(signaturesOn(log.reader.published.checkpoint)).toEqual([id2])
      expect(await look(log, trusts.first)).toBe('untrusted')
      // What was remembered carries over: it was signed by both.
      expect(await look(log, trusts.second)).toBe('size 400')
      await log.sequencer.append(entries(500))
      expect(await look(log, trusts.both)).toBe('size 500')
      return receipt(log, 450)
    })
    expect(believers(after, 450)).toEqual(['both', 'second'])
    expect([believers(before, 5), believers(during, 5)]).toEqual([
      ['first', 'both'],
      ['first', 'both', 'second'],
    ])
    expect(saved.size).toBe(1)
  })

  it('does not shed its history: a client that pinned the new key in between still sees a fork', async () => {
    const path = await newFolder()
    const vkey1 = read(path, 'log.vkey')
    const saved = new Map<string, Uint8Array>()
    const store: CheckpointStore = {
      load: async (log) => saved.get(log),
      save: async (b, log) => void saved.set(log, b),
    }
    const clientOf = (log: Log, vkey: readonly string[]): LogClient =>
      new LogClient({ url: LOG_URL, vkey, store, fetch: logFetch({ log }), maxAttempts: 1 })
    const fork = `${path}-fork`
    cpSync(path, fork, { recursive: true })
    await opened(path, async (log) => {
      await log.sequencer.append(entries(10))
      await clientOf(log, [vkey1]).checkpoint()
    })
    addSecondKey(fork)
    await opened(fork, async (log) => {
      await log.sequencer.append(entries(20, 'other'))
      const looking = clientOf(log, [vkey1, formatVerifierKey(second)]).checkpoint()
      await expect(looking).rejects.toSatisfy((error) => isTlogError(error, 'inconsistent'))
      // Without the old key there is nothing to hold against what is remembered, and that is no reason to forget it.
      const blind = clientOf(log, [formatVerifierKey(second)]).checkpoint()
      await expect(blind).rejects.toThrow(/^the remembered checkpoint: /)
    })
  })

  it('is refused by a client that pins both when one of the two signatures is not good', async () => {
    const path = await newFolder()
    addSecondKey(path)
    await opened(path, async (log) => {
      const vkey = [read(path, 'log.vkey'), formatVerifierKey(second)]
      const { text, signatures } = parseNote(log.reader.published.checkpoint)
      for (const bad of [0, 1]) {
        const bent = signatures.map((line, i) =>
          i === bad ? { ...line, signature: line.signature.map((byte, at) => (at === 3 ? 255 - byte : byte)) } : line,
        )
        const fetch: typeof globalThis.fetch = async () =>
          new Response(Uint8Array.from(formatNote({ text, signatures: bent })))
        const client = new LogClient({ url: LOG_URL, vkey, fetch, maxAttempts: 1 })
        await expect(client.checkpoint()).rejects.toSatisfy((error) => isTlogError(error, 'bad_signature'))
      }
    })
  })
})

describe('[KEY-1] [KEY-2] the start of a log with two keys', () => {
  it('signs the newest head anew once, in the database and in the ledger', async () => {
    const path = await newFolder()
    await opened(path, (log) => log.sequencer.append(entries(3)))
    addSecondKey(path)
    const first = await opened(path, async (log) => log.reader.published.checkpoint)
    const again = await opened(path, async (log) => log.reader.published.checkpoint)
    expect(Buffer.from(again)).toEqual(Buffer.from(first))
    await using ledger = await openLedgerFile({ path: join(path, 'ledger'), create: false })
    const { key } = await openDataDir(path)
    const { checkpoint } = parseHead((await ledger.last())!.head, verifiersOf(key))
    expect(Buffer.from(checkpoint)).toEqual(Buffer.from(first))
  })

  it('goes back to one key when the second is taken away before the first', async () => {
    const path = await newFolder()
    addSecondKey(path)
    await opened(path, (log) => log.sequencer.append(entries(3)))
    rmSync(join(path, 'log.next.key'))
    await opened(path, async (log) => {
      expect(signaturesOn(log.reader.published.checkpoint)).toHaveLength(1)
      await log.sequencer.append(entries(5))
    })
  })

  it('is refused with a key that never signed, also when the old one is listed as retired', async () => {
    const path = await newFolder()
    await opened(path, (log) => log.sequencer.append(entries(3)))
    addSecondKey(path)
    retireFirstKey(path)
    expect(await refusal(path)).toBe('wrong_key')
  })

  it('signs nothing that one of its keys has not signed as it should', () => {
    const tree = TileTree.fromEdge({ size: 0, root: EMPTY_ROOT }, [], () => Promise.reject(new Error('no tiles')))
    const [one, two, three] = [testKey(ORIGIN, 1), testKey(ORIGIN, 2), testKey(ORIGIN, 3)]
    const sign = (key: LogKey) => signHead(tree, 0, key, () => 5)
    expect(parseNote(sign({ ...one, next: two }).checkpoint).signatures).toHaveLength(2)
    for (const key of [
      { ...one, next: { signer: two.signer, verifier: three.verifier } },
      { signer: one.signer, verifier: three.verifier, next: two },
    ]) {
      expect(() => sign(key)).toThrow(expect.objectContaining({ code: 'bad_signature' }))
    }
  })

  it.each<[string, SignerKey]>([
    ['of another name', signerKey('log.example/other', ED25519, seed(2))],
    ['that cosigns', signerKey(ORIGIN, COSIGNATURE_V1, seed(2))],
    ['of ML-DSA-44', signerKey(ORIGIN, SUBTREE_V1, seed(2))],
  ])('is refused with a second key %s', async (_, key) => {
    const path = await newFolder()
    addSecondKey(path, key)
    expect(await refusal(path)).toBe('wrong_key')
  })

  it('is refused with the first key twice, a second one that is none, and one that others can read', async () => {
    const path = await newFolder()
    const next = join(path, 'log.next.key')
    cpSync(join(path, 'log.key'), next)
    expect(await refusal(path)).toBe('wrong_key')
    writeFileSync(next, 'PRIVATE+KEY+garbage\n')
    expect(await refusal(path)).toBe('wrong_key')
    addSecondKey(path)
    chmodSync(next, 0o640)
    expect(await refusal(path)).toBe('key_permissions')
  })

  it('[KEY-5] reads the retired keys for fsck, and refuses lines that are none of this log', async () => {
    const path = await newFolder()
    const old = formatVerifierKey(signerKey(ORIGIN, ED25519, seed(9)))
    const retired = (text: string): void => writeFileSync(join(path, 'log.retired.vkey'), text)
    retired(`# until 2025\n${old}\n`)
    expect((await openDataDir(path)).vkeys).toEqual([read(path, 'log.vkey'), old])
    for (const text of ['nonsense\n', `${formatVerifierKey(signerKey('other.example', ED25519, seed(9)))}\n`]) {
      retired(text)
      expect(await refusal(path)).toBe('wrong_key')
    }
  })
})

describe('[KEY-6] a witness that changes its key', () => {
  const log = signerKey('log.example/test', ED25519, seed(1))
  const [oldKey, newKey, other, third] = [2, 3, 4, 5].map((n) =>
    signerKey(`w${n}.example`, COSIGNATURE_V1, seed(n)),
  ) as [SignerKey, SignerKey, SignerKey, SignerKey]
  const vkeyOf = formatVerifierKey
  const rest = `witness w2 ${vkeyOf(other)}\nwitness w3 ${vkeyOf(third)}\ngroup most 2 w1 w2 w3\nquorum most\n`
  const policyOf = (lines: string) => parsePolicy(`log ${vkeyOf(log)}\n${lines}${rest}`)
  const policies = {
    before: policyOf(`witness w1 ${vkeyOf(oldKey)}\n`),
    meanwhile: policyOf(`witness w1-a ${vkeyOf(oldKey)}\nwitness w1-b ${vkeyOf(newKey)}\ngroup w1 any w1-a w1-b\n`),
    after: policyOf(`witness w1 ${vkeyOf(newKey)}\n`),
  }
  const text = formatCheckpoint({ origin: log.name, size: 7, root: asHash(seed(7)), extensions: [] })
  const accepting = (...keys: readonly SignerKey[]): readonly string[] => {
    const note = signNote(
      text,
      [log, ...keys].map((key) => signerOf(key, { time: 1_000 })),
    )
    return Object.entries(policies)
      .filter(([, policy]) => {
        try {
          return checkPolicy(policy, note).checkpoint.size === 7
        } catch (error) {
          if (isTlogError(error, 'untrusted')) return false
          throw error
        }
      })
      .map(([name]) => name)
  }

  it('is accepted by the policy of every step for the heads of its time', () => {
    expect(accepting(oldKey, other)).toEqual(['before', 'meanwhile'])
    expect(accepting(oldKey, newKey, other)).toEqual(['before', 'meanwhile', 'after'])
    expect(accepting(newKey, other)).toEqual(['meanwhile', 'after'])
  })

  it('counts once, with both keys too', () => {
    expect(accepting(oldKey, newKey)).toEqual([])
    expect(accepting(oldKey, newKey, third)).toEqual(['before', 'meanwhile', 'after'])
  })
})
