/** add-checkpoint: every status of the specification, each test under the sentence that it checks. */
import { describe, expect, it } from 'vitest'
import { EMPTY_ROOT } from '../../src/merkle/hash.ts'
import { openNote, parseNote, parseSignatures } from '../../src/note/note.ts'
import { formatAddCheckpoint } from '../../src/tlog/protocol/add-checkpoint.ts'
import { cosignatureTime, verifierOf } from '../../src/tlog/signatures/index.ts'
import { memoryWitness } from '../support/memory-witness.ts'
import { signedLog } from '../support/signed-log.ts'

const log = signedLog()
const other = signedLog('log.example/other', 2)
const hash = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(log.origin))).toString('hex')

const fresh = () => memoryWitness({ vkeys: [log.vkey] })

const textOf = async (response: Response): Promise<string> => new TextDecoder().decode(await response.arrayBuffer())

describe('add-checkpoint', () => {
  it('[WIT-1] "respond with a 200 Success ... one or more note signature lines": one for each key, and they verify', async () => {
    const { post, vkeys } = await fresh()
    for (const [oldSize, size] of [
      [0, 5],
      [5, 5],
      [5, 8],
      [8, 13],
      [13, 70],
    ] as const) {
      const response = await post('/add-checkpoint', log.request(oldSize, size))
      expect(response.status).toBe(200)
      const lines = await textOf(response)
      const signatures = parseSignatures(lines)
      expect(signatures).toHaveLength(2)
      const note = new TextEncoder().encode(new TextDecoder().decode(log.checkpoint(size)) + lines)
      expect(openNote(note, vkeys.map(verifierOf)).verified).toHaveLength(2)
      // spec: The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero.
      for (const signature of signatures) expect(cosignatureTime(signature)).toBe(1_700_000_000)
    }
  })

  it('[WIT-1] cosigns a tree of size 0, "the hash of the empty string", and refuses another root of it with 422', async () => {
    const { post } = await fresh()
    expect((await post('/add-checkpoint', log.request(0, 0))).status).toBe(200)
    expect((await post('/add-checkpoint', log.request(0, 3))).status).toBe(200)
    const wrong = await memoryWitness({ vkeys: [log.vkey] })
    const checkpoint = log.checkpoint(0, { root: log.root(1) })
    expect(
      (await wrong.post('/add-checkpoint', formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint }))).status,
    ).toBe(422)
    expect(EMPTY_ROOT).toEqual(log.root(0))
  })

  it('[WIT-2] "If the checkpoint origin is unknown, the witness MUST respond with a 404 Not Found"', async () => {
    const { post } = await fresh()
    expect((await post('/add-checkpoint', other.request(0, 1))).status).toBe(404)
  })

  it('[WIT-2] "403 Forbidden ... if either no signature from a trusted key for the origin is present"', async () => {
    const { post } = await fresh()
    const stranger = signedLog(log.origin, 9)
    expect((await post('/add-checkpoint', stranger.request(0, 1))).status).toBe(403)
  })

  it('[WIT-2] "403 ... or a signature line\'s key name and ID match a trusted key but the signature itself fails to verify"', async () => {
    const { post, witness } = await fresh()
    const text = new TextDecoder().decode(log.request(0, 4))
    const at = text.lastIndexOf('\n', text.length - 2) + 1
    for (const place of [30, 60, 90]) {
      const i = at + log.origin.length + 3 + place
      const forged = `${text.slice(0, i)}${text[i] === 'A' ? 'B' : 'A'}${text.slice(i + 1)}`
      expect((await post('/add-checkpoint', new TextEncoder().encode(forged))).status).toBe(403)
    }
    expect(await witness.latestOf(log.origin)).toBeUndefined()
  })

  it('[WIT-2] "it MUST ignore signatures from unknown keys"', async () => {
    const { post } = await fresh()
    const extra = parseNote(other.checkpoint(1)).signatures
    const note = parseNote(log.checkpoint(4))
    const lines = new TextDecoder().decode(other.checkpoint(1)).split('\n\n')[1]
    const checkpoint = new TextEncoder().encode(new TextDecoder().decode(log.checkpoint(4)) + lines)
    expect(extra.length + note.signatures.length).toBe(2)
    expect((await post('/add-checkpoint', formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint }))).status).toBe(200)
  })

  it('[WIT-3] "The old size MUST be equal to or lower than the checkpoint size. Otherwise ... 400 Bad Request"', async () => {
    const { post } = await fresh()
    expect((await post('/add-checkpoint', log.request(0, 5))).status).toBe(200)
    expect((await post('/add-checkpoint', log.request(5, 4))).status).toBe(400)
    expect((await post('/add-checkpoint', log.request(7, 6))).status).toBe(400)
  })

  it('[WIT-3] "409 Conflict ... The response body MUST consist of the tree size of the latest cosigned checkpoint"', async () => {
    const { post } = await fresh()
    const conflict = async (oldSize: number, size: number): Promise<readonly unknown[]> => {
      const response = await post('/add-checkpoint', log.request(oldSize, size))
      // spec: The response MUST have a `Content-Type` of `text/x.tlog.size`.
      return [response.status, response.headers.get('content-type'), await textOf(response)]
    }
    expect(await conflict(3, 5)).toEqual([409, 'text/x.tlog.size', '0\n'])
    await post('/add-checkpoint', log.request(0, 5))
    expect(await conflict(0, 9)).toEqual([409, 'text/x.tlog.size', '5\n'])
    expect(await conflict(4, 9)).toEqual([409, 'text/x.tlog.size', '5\n'])
    expect(await conflict(6, 9)).toEqual([409, 'text/x.tlog.size', '5\n'])
    // An older head than the witness has seen is a conflict too, and takes nothing back.
    expect(await conflict(0, 2)).toEqual([409, 'text/x.tlog.size', '5\n'])
  })

  it('[WIT-4] "If the proof is not empty when the old size is zero, or if a Merkle Consistency Proof doesn\'t verify ... 422"', async () => {
    const { post } = await fresh()
    const request = { oldSize: 0, proof: [log.root(3)], checkpoint: log.checkpoint(5) }
    expect((await post('/add-checkpoint', formatAddCheckpoint(request))).status).toBe(422)
    expect((await post('/add-checkpoint', log.request(0, 5))).status).toBe(200)
    const proof = log.proof(5, 9)
    const bad = [[], proof.slice(1), [...proof, log.root(1)], proof.map((one, i) => (i === 0 ? log.root(2) : one))]
    for (const one of bad) {
      const body = formatAddCheckpoint({ oldSize: 5, proof: one, checkpoint: log.checkpoint(9) })
      expect((await post('/add-checkpoint', body)).status).toBe(422)
    }
    const same = formatAddCheckpoint({ oldSize: 5, proof: [log.root(1)], checkpoint: log.checkpoint(5) })
    expect((await post('/add-checkpoint', same)).status).toBe(422)
    expect((await post('/add-checkpoint', log.request(5, 9))).status).toBe(200)
  })

  it('[WIT-4] "the witness MUST check that the root hashes are also identical. If they don\'t match ... 422"', async () => {
    const { post } = await fresh()
    await post('/add-checkpoint', log.request(0, 5))
    expect((await post('/add-checkpoint', log.fork(4).request(5, 5))).status).toBe(422)
  })

  it.each([
    ['nothing', ''],
    ['no old line', '\n'],
    ['no empty line', 'old 0\n'],
    ['a leading zero', 'old 00\n\n'],
    ['a plus', 'old +1\n\n'],
    ['two spaces', 'old  0\n\n'],
    ['a size over 2^53-1', 'old 9007199254740992\n\n'],
    ['a carriage return', 'old 0\r\n\n'],
    ['a proof line that is no base64', 'old 0\n!\n\n'],
    ['a proof line of 31 bytes', `old 0\n${Buffer.alloc(31).toString('base64')}\n\n`],
    ['a proof line that is not canonical', `old 0\n${'A'.repeat(42)}B=\n\n`],
    ['64 proof lines', `old 0\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}\n`],
  ])('[WIT-3] a body with %s is a 400', async (_, head) => {
    const { post } = await fresh()
    const checkpoint = new TextDecoder().decode(log.checkpoint(3))
    expect(
      (await post('/add-checkpoint', new TextEncoder().encode(head + (head === '' ? '' : checkpoint)))).status,
    ).toBe(400)
  })

  it('[WIT-3] a body over 128 KiB is a 413, and a note that is none a 400', async () => {
    const { post } = await fresh()
    expect((await post('/add-checkpoint', new Uint8Array(128 * 1024 + 1))).status).toBe(413)
    expect((await post('/add-checkpoint', new TextEncoder().encode('old 0\n\nlog.example/signed\n5\n'))).status).toBe(
      400,
    )
  })

  it('[WIT-5] "The witness MUST persist the new checkpoint before responding": a failed write answers 503, and no more are cosigned', async () => {
    const made = await fresh()
    const broken = {
      ...made.store,
      write: () => Promise.reject(new Error('no disk')),
      get: made.store.get.bind(made.store),
    }
    const { app } = await memoryWitness({
      vkeys: [log.vkey],
      store: { ...broken, range: made.store.range.bind(made.store) },
    })
    const ask = async (): Promise<number> =>
      (await app.request('/add-checkpoint', { method: 'POST', body: Uint8Array.from(log.request(0, 5)) })).status
    expect([await ask(), await ask()]).toEqual([503, 503])
  })

  it('[WIT-6] "checking the old size against the latest checkpoint and persisting the new checkpoint must be performed atomically": of 1,000 at once none takes the log back', async () => {
    const { post, witness } = await fresh()
    await post('/add-checkpoint', log.request(0, 1))
    const sizes = Array.from({ length: 1000 }, (_, i) => 2 + ((i * 37) % 90))
    const answers = await Promise.all(sizes.map((size) => post('/add-checkpoint', log.request(1, size))))
    const cosigned = sizes.filter((_, i) => answers[i]?.status === 200)
    // All go from size 1, so exactly one wins, and whoever repeats it conflicts.
    expect(cosigned).toHaveLength(1)
    expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true)
    const latest = await witness.latestOf(log.origin)
    expect(new TextDecoder().decode(latest).split('\n')[1]).toBe(String(cosigned[0]))
  })

  it('[WIT-6] a larger head that is asked for while a smaller one is being written stays the latest', async () => {
    const made = await fresh()
    const gates: (() => void)[] = []
    const slow = {
      get: made.store.get.bind(made.store),
      getMany: made.store.getMany.bind(made.store),
      range: made.store.range.bind(made.store),
      write: async (changes: Parameters<typeof made.store.write>[0]) => {
        await new Promise<void>((go) => gates.push(go))
        return made.store.write(changes)
      },
    }
    const { post, witness } = await memoryWitness({ vkeys: [log.vkey], store: slow })
    const first = post('/add-checkpoint', log.request(0, 5))
    const second = post('/add-checkpoint', log.request(5, 9))
    const third = post('/add-checkpoint', log.request(0, 3))
    while (gates.length < 1) await new Promise((go) => setTimeout(go, 1))
    gates.shift()?.()
    expect((await first).status).toBe(200)
    while (gates.length < 1) await new Promise((go) => setTimeout(go, 1))
    gates.shift()?.()
    expect((await second).status).toBe(200)
    expect((await third).status).toBe(409)
    expect(new TextDecoder().decode(await witness.latestOf(log.origin)).split('\n')[1]).toBe('9')
  })

  it('[WIT-7] cosignature times never go back, and a clock that was set back by an hour is refused with 503', async () => {
    const { post, setTime } = await fresh()
    const timeOf = async (response: Response): Promise<number> =>
      Math.max(...parseSignatures(await textOf(response)).map((signature) => cosignatureTime(signature) ?? 0))
    setTime(1_700_000_100_000)
    expect(await timeOf(await post('/add-checkpoint', log.request(0, 5)))).toBe(1_700_000_100)
    setTime(1_700_000_090_000)
    expect(await timeOf(await post('/add-checkpoint', log.request(5, 6)))).toBe(1_700_000_100)
    setTime(1_699_996_500_000)
    const refused = await post('/add-checkpoint', log.request(6, 7))
    expect([refused.status, await textOf(refused)]).toEqual([503, expect.stringMatching(/clock was set back/)])
  })

  it('[WIT-8] a log may send an hour of its daily queries at once, then one at a time: 429 with Retry-After', async () => {
    const { post, setTime, app } = await memoryWitness({ vkeys: [log.vkey], queriesPerDay: 24 * 3 })
    const sizes = [1, 2, 3, 4]
    const statuses: number[] = []
    for (const size of sizes) statuses.push((await post('/add-checkpoint', log.request(size - 1, size))).status)
    expect(statuses).toEqual([200, 200, 200, 429])
    const refused = await post('/add-checkpoint', log.request(3, 4))
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1_000)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(1_200)
    setTime(1_700_000_000_000 + 1_200_000)
    expect((await post('/add-checkpoint', log.request(3, 4))).status).toBe(200)
    // What strangers send does not count against it: neither what it did not sign, nor what it signed once.
    for (let i = 0; i < 9; i++) await post('/add-checkpoint', log.request(0, 2))
    for (let i = 0; i < 9; i++) await post('/add-checkpoint', signedLog(log.origin, 9).request(4, 5))
    setTime(1_700_000_000_000 + 2_400_000)
    expect((await post('/add-checkpoint', log.request(4, 5))).status).toBe(200)
    expect(app).toBeDefined()
  })

  it('[WIT-9] "GET <monitoring prefix>/<origin hash>/checkpoint": the log\'s signature and the cosignatures that were returned', async () => {
    const { post, app, vkeys } = await fresh()
    // spec: If the witness has never cosigned a checkpoint for that log, it MUST respond with a "404 Not Found"
    expect((await app.request(`/${hash}/checkpoint`)).status).toBe(404)
    const lines = await textOf(await post('/add-checkpoint', log.request(0, 5)))
    const response = await app.request(`/${hash}/checkpoint`)
    expect(response.status).toBe(200)
    const bytes = new Uint8Array(await response.arrayBuffer())
    expect(openNote(bytes, [log.vkey, ...vkeys].map(verifierOf)).verified).toHaveLength(3)
    expect(new TextDecoder().decode(bytes).endsWith(lines)).toBe(true)
    expect((await app.request(`/${hash.toUpperCase()}/checkpoint`)).status).toBe(404)
  })

  it('[WIT-10] a head that is asked for again within five seconds gets the same cosignatures, later a newer time', async () => {
    const { post, setTime, events } = await fresh()
    const first = await textOf(await post('/add-checkpoint', log.request(0, 5)))
    setTime(1_700_000_004_000)
    expect(await textOf(await post('/add-checkpoint', log.request(5, 5)))).toBe(first)
    setTime(1_700_000_006_000)
    const later = await textOf(await post('/add-checkpoint', log.request(5, 5)))
    expect(parseSignatures(later).map((signature) => cosignatureTime(signature))).toEqual([
      1_700_000_006, 1_700_000_006,
    ])
    expect(events.filter(({ kind }) => kind === 'cosigned')).toHaveLength(2)
  })
})
