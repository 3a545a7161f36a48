/** What a load consists of: requests that are made in place, and what their answers must be. */
import { RandomEntries } from './entries.ts'
import { type LogSet, Updates } from './heads.ts'

/** A kind of request. The token may append; reads need none. */
export type RequestKind =
  | { readonly kind: 'add'; readonly entryBytes: number; readonly token: string }
  | {
      readonly kind: 'add-batch'
      readonly entryBytes: number
      readonly entries: number
      readonly encoding: 'octet-stream' | 'cbor-seq'
      readonly token: string
    }
  /** Each request takes one of the paths at random; all are answered with `bytes` bytes, where that is given. */
  | { readonly kind: 'get'; readonly paths: readonly string[]; readonly bytes?: number }
  /** Lets logs grow in turn, which were cosigned `rounds` times before; an answer has so many cosignatures. */
  | { readonly kind: 'add-checkpoint'; readonly logs: LogSet; readonly rounds: number; readonly cosignatures: number }

/** The requests of one connection. */
export interface Requests {
  /** The next request. Its bytes are used again for the one after, so it must have been answered before. */
  next(): Uint8Array
  /** Throws unless the answer is that of an acknowledged append, a read that found what it asked for, or a cosignature. */
  check(status: number, body: Buffer): void
}

/** Makes the requests of each connection; entries differ among all of them. */
export const requestMaker = (kind: RequestKind): (() => Requests) => {
  if (kind.kind === 'get') return () => gets(kind)
  if (kind.kind === 'add-checkpoint') {
    const updates = new Updates(kind.logs, kind.rounds)
    return () => addCheckpoints(kind, updates)
  }
  const entries = new RandomEntries(kind.entryBytes)
  return () => (kind.kind === 'add' ? adds(kind, entries) : batches(kind, entries))
}

type Of<Kind extends RequestKind['kind']> = Extract<RequestKind, { kind: Kind }>

const head = (method: string, path: string, headers: readonly string[] = []): Buffer =>
  Buffer.from([`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...headers, '', ''].join('\r\n'), 'latin1')

const post = (path: string, { token }: { readonly token: string }, type: string, length: number): Buffer => {
  const headers = [`Authorization: Bearer ${token}`, `Content-Type: application/${type}`, `Content-Length: ${length}`]
  return Buffer.concat([head('POST', path, headers), Buffer.alloc(length)])
}

const adds = (kind: Of<'add'>, entries: RandomEntries): Requests => {
  const request = post('/add', kind, 'octet-stream', kind.entryBytes)
  return {
    next: () => {
      entries.write(request, request.length - kind.entryBytes)
      return request
    },
    check: (status, body) => {
      want(status, body)
      indexIn(body, 0, body.length)
    },
  }
}

const batches = (kind: Of<'add-batch'>, entries: RandomEntries): Requests => {
  const lengthBytes = Buffer.alloc(2)
  lengthBytes.writeUInt16BE(kind.entryBytes)
  // CBOR (RFC 8949): major type 2, byte string, with its length in the next two bytes.
  const prefix = kind.encoding === 'cbor-seq' ? Buffer.concat([Buffer.of(0x59), lengthBytes]) : lengthBytes
  const step = prefix.length + kind.entryBytes
  const request = post('/add-batch', kind, kind.encoding, kind.entries * step)
  const start = request.length - kind.entries * step
  for (let i = 0; i < kind.entries; i++) prefix.copy(request, start + i * step)
  return {
    next: () => {
      for (let i = 0; i < kind.entries; i++) entries.write(request, start + i * step + prefix.length)
      return request
    },
    check: (status, body) => {
      want(status, body)
      let lines = 0
      let last = -1
      for (let at = 0; at < body.length; lines++) {
        const end = body.indexOf(0x0a, at)
        const index = indexIn(body, at, end)
        if (index <= last) throw new Error(`index ${index} after ${last} in a batch of new entries`)
        last = index
        at = end + 1
      }
      if (lines !== kind.entries) throw new Error(`${lines} indices for ${kind.entries} entries`)
    },
  }
}

const gets = ({ paths, bytes }: Of<'get'>): Requests => {
  const requests = paths.map((path) => head('GET', path))
  return {
    next: () => requests[Math.floor(Math.random() * requests.length)]!,
    check: (status, body) => {
      want(status, body)
      if (body.length === 0 || (bytes !== undefined && body.length !== bytes))
        throw new Error(`want ${bytes ?? 'some'} bytes, got ${body.length}`)
    },
  }
}

const addCheckpoints = ({ cosignatures }: Of<'add-checkpoint'>, updates: Updates): Requests => {
  let done = (): void => {}
  return {
    next: () => {
      const { body, cosigned } = updates.next()
      done = cosigned
      return Buffer.concat([head('POST', '/add-checkpoint', [`Content-Length: ${body.length}`]), body])
    },
    check: (status, body) => {
      want(status, body)
      const lines = body.toString('latin1').split('\n').length - 1
      if (lines !== cosignatures) throw new Error(`want ${cosignatures} cosignatures, got ${lines}`)
      done()
    },
  }
}

const want = (status: number, body: Buffer): void => {
  if (status !== 200) throw new Error(`answered ${status}: ${body.toString('latin1', 0, 300)}`)
}

/** The decimal number in body[start] up to but not including body[end]. */
const indexIn = (body: Buffer, start: number, end: number): number => {
  let index = 0
  for (let at = start; at < end; at++) {
    const digit = body[at]! - 0x30
    if (digit < 0 || digit > 9) throw new Error(`not an index: ${body.toString('latin1', start, end)}`)
    index = 10 * index + digit
  }
  if (start >= end) throw new Error('an answer without an index')
  return index
}
