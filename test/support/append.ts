/** Adds entries to a running log over HTTP. */
import { formatEntryBundle } from '../../src/tlog/entry-bundle.ts'
import type { Server } from './server.ts'

const post = async (server: Server, path: string, body: Uint8Array, contentType: string): Promise<string> => {
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': contentType }
  const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: Uint8Array.from(body) })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`POST ${path}: ${response.status} ${text}`)
  return text
}

/** `POST /add`; resolves with the entry's index. */
export const add = async (server: Server, entry: Uint8Array): Promise<number> =>
  Number(await post(server, '/add', entry, 'application/octet-stream'))

/** `POST /add-batch`, in requests of at most 1,000 entries and about 1 MB; resolves with the indices in order. */
export const addAll = async (server: Server, entries: readonly Uint8Array[]): Promise<readonly number[]> => {
  const indices: number[] = []
  for (let start = 0; start < entries.length; ) {
    let end = start
    let bytes = 0
    while (end < entries.length && end - start < 1_000 && bytes < 1e6) bytes += 2 + entries[end++]!.length
    const body = formatEntryBundle(entries.slice(start, end))
    const lines = (await post(server, '/add-batch', body, 'application/octet-stream')).trimEnd().split('\n')
    if (lines.length !== end - start) throw new Error(`sent ${end - start} entries, got ${lines.length} indices`)
    indices.push(...lines.map(Number))
    start = end
  }
  return indices
}

/** The first lines of the log's checkpoint; the signature is not verified. */
export const peekCheckpoint = async (url: string): Promise<{ readonly size: number; readonly root: string }> => {
  const [, size, root] = (await (await fetch(`${url}/checkpoint`)).text()).split('\n')
  if (root === undefined) throw new Error(`no checkpoint at ${url}`)
  return { size: Number(size), root }
}
