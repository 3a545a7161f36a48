/**
 * How fast a mirror catches up: `npm run bench:mirror`.
 *
 *     --rounds 3 --entries 131072 --bytes 256
 *
 * A `treehead mirror` process on LevelDB takes in logs from nothing. Bodies that were made before show what the mirror
 * takes; our client makes them on the way, with proofs and compression, in the process that measures.
 */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { MirrorClient } from '../../src/client/mirror-client.ts'
import { planSubtreeConsistency } from '../../src/merkle/subtree.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { formatAddCheckpoint } from '../../src/tlog/protocol/add-checkpoint.ts'
import {
  formatHeader,
  formatPackage,
  MAX_PACKAGES,
  PACKAGE_WIDTH,
  planPackages,
} from '../../src/tlog/protocol/add-entries.ts'
import { verifierOf } from '../../src/tlog/signatures/index.ts'
import { type MirrorProcess, startMirrorProcess } from '../../test/mirror/mirror-process.ts'
import { type MemoryLog, memoryLog } from '../../test/support/memory-log.ts'
import { scratchFolder } from '../disk.ts'
import { format, median, printTable, writeResults } from '../support.ts'
import { RandomEntries } from './entries.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    entries: { type: 'string', default: '131072' },
    bytes: { type: 'string', default: '256' },
  },
})
const entries = Number(values.entries)
const entryBytes = Number(values.bytes)

const newLog = async (origin: string): Promise<MemoryLog> => {
  const log = await memoryLog({ origin, allowDuplicates: true })
  const source = new RandomEntries(entryBytes)
  for (let at = 0; at < entries; at += 4_096) {
    const count = Math.min(4_096, entries - at)
    const bytes = Buffer.alloc(count * entryBytes)
    for (let i = 0; i < count; i++) source.write(bytes, i * entryBytes)
    await log.append(Array.from({ length: count }, (_, i) => bytes.subarray(i * entryBytes, (i + 1) * entryBytes)))
  }
  return log
}

/** The bodies of a whole upload, each of as many packages as one request should have. */
const bodiesOf = async ({ log, origin, store }: MemoryLog): Promise<readonly Uint8Array[]> => {
  const { tree } = log.reader.published
  const bodies: Uint8Array[] = []
  for (let start = 0; start < tree.size; start += MAX_PACKAGES * PACKAGE_WIDTH) {
    const parts = [formatHeader({ origin, start, end: tree.size, ticket: new Uint8Array(0) })]
    for (const range of planPackages({ start, end: tree.size })) {
      if (parts.length > MAX_PACKAGES) break
      const plan = planSubtreeConsistency({ start: range.subtreeStart, end: range.end, size: tree.size })
      const proof = await Promise.all(plan.map((one) => tree.rangeRoot(one)))
      parts.push(formatPackage({ entries: await store.entries(range.start, range.end), proof }))
    }
    bodies.push(concatBytes(...parts))
  }
  return bodies
}

const agent = new Agent({ keepAlive: true })

const post = async (url: string, body: Uint8Array, headers: Record<string, string>): Promise<number> => {
  const asking = request(url, { method: 'POST', agent, headers: { ...headers, 'content-length': String(body.length) } })
  asking.end(body)
  const [response] = (await once(asking, 'response')) as [import('node:http').IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response.statusCode ?? 0
}

const sendAll = async (url: string, bodies: readonly Uint8Array[], isGzip: boolean): Promise<void> => {
  const headers = { 'content-type': 'application/octet-stream', ...(isGzip && { 'content-encoding': 'gzip' }) }
  for (const [i, body] of bodies.entries()) {
    const status = await post(`${url}/add-entries`, body, headers)
    if (status !== (i === bodies.length - 1 ? 200 : 202)) throw new Error(`request ${i} was answered ${status}`)
  }
}

const logs = await Promise.all(['a', 'b', 'c', 'd'].map((name) => newLog(`${name}.example/bench`)))
const plain = await Promise.all(logs.map(bodiesOf))
const squeezed = plain.map((bodies) => bodies.map((body) => gzipSync(body, { level: 1 })))
const [first] = logs as [MemoryLog]

const ways: readonly { readonly name: string; readonly logs: number; run(mirror: MirrorProcess): Promise<unknown> }[] =
  [
    { name: 'one log, plain', logs: 1, run: ({ url }) => sendAll(url, plain[0] ?? [], false) },
    { name: 'one log, gzip', logs: 1, run: ({ url }) => sendAll(url, squeezed[0] ?? [], true) },
    {
      name: 'four logs at once, gzip',
      logs: 4,
      run: ({ url }) => Promise.all(squeezed.map((bodies) => sendAll(url, bodies, true))),
    },
    {
      name: 'one log, by our client',
      logs: 1,
      run: ({ url, vkeys }) => {
        const { reader } = first.log
        const { checkpoint, tree } = reader.published
        const head = { checkpoint, tree, entries: (start: number, end: number) => reader.entries(start, end) }
        return new MirrorClient({ url, verifiers: vkeys.map(verifierOf) }).push(head)
      },
    },
  ]

const rates = ways.map(() => [] as number[])
for (let round = 0; round < Number(values.rounds); round++) {
  const order = [...ways.keys()]
  for (const i of round % 2 === 0 ? order : order.toReversed()) {
    const way = ways[i]
    if (way === undefined) continue
    using folder = scratchFolder('mirror')
    await using mirror = await startMirrorProcess(
      join(folder.path, 'mirror'),
      logs.flatMap(({ vkey }) => ['--log', vkey]).concat('--log-level', 'error'),
    )
    for (const log of logs) {
      const body = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: log.checkpoint() })
      if ((await post(`${mirror.url}/add-checkpoint`, body, {})) !== 200) throw new Error('no checkpoint was added')
    }
    const start = performance.now()
    await way.run(mirror)
    rates[i]?.push((way.logs * entries * 1_000) / (performance.now() - start))
  }
}
agent.destroy()
const rows = ways.map(({ name }, i) => ({ name, entriesPerSecond: median(rates[i] ?? []), rounds: rates[i] }))
printTable(
  `Catching up with logs of ${format(entries)} entries of ${entryBytes} bytes, every package proven and synced`,
  [
    ['upload', 'entries/s', 'MB/s'],
    ...rows.map(({ name, entriesPerSecond: rate }) => [name, format(rate), format((rate * entryBytes) / 1e6)]),
  ],
)
writeResults('mirror', { entries, entryBytes, rows })
