/** HTTP as a client needs it: bounded answers, a time limit, and retries that respect what the server asks for. */
import { concatBytes } from '../primitives/bytes.ts'
import { type ErrorCode, isTlogError, TlogError } from '../primitives/error.ts'

/** How to reach a log. Every field but `url` has a default. */
export interface HttpOptions {
  /** The prefix of the log, with or without a slash at its end. */
  readonly url: string | URL
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** For one attempt, from asking to the last byte, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined
  /** How often to try, the first time included. Default 5. */
  readonly maxAttempts?: number | undefined
  /** The first pause between attempts, doubled for each further one, in milliseconds. Default 250. */
  readonly retryDelayMs?: number | undefined
  /** The longest pause; a server that asks for a longer one is not asked again. In milliseconds, default 30,000. */
  readonly maxRetryDelayMs?: number | undefined
  /** Numbers from 0 up to 1, for the jitter. Default Math.random. */
  readonly random?: (() => number) | undefined
}

/** One request. */
export interface HttpRequest {
  /** Below the prefix, without a slash at its start. */
  readonly path: string
  readonly method?: 'GET' | 'POST' | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | undefined
  /** Longer answers are refused, in bytes after decompression. */
  readonly limit: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Sends a request and resolves with the body of a 200. Rejects with `not_found` (404, 405, 410), `unauthorized`,
 * `forbidden`, `malformed` (400, 415, 422), `too_large` (413, or an answer over its limit), `pushback` (429 to the end),
 * `io` (the network, a timeout, any other status) or, when `signal` is aborted, with its reason.
 */
export type Send = (request: HttpRequest) => Promise<Uint8Array>

/** What came of one attempt: an answer, a failure that stays, or one that may pass. */
type Attempt =
  | { readonly kind: 'answer'; readonly body: Uint8Array }
  | { readonly kind: 'failed'; readonly error: TlogError }
  | { readonly kind: 'retry'; readonly error: TlogError; readonly afterMs: number | undefined }

/** Makes the sender of a log. Throws TypeError when `url` is none. */
export const httpSender = (options: HttpOptions): Send => {
  const { maxAttempts = 5, retryDelayMs = 250, maxRetryDelayMs = 30_000, random = Math.random } = options
  const prefix = new URL(options.url).href.replace(/\/+$/, '')
  return async (request) => {
    let unsure: TlogError | undefined
    for (let attempt = 1; ; attempt++) {
      const outcome = await tryOnce(options, `${prefix}/${request.path}`, request)
      if (outcome.kind === 'answer') return outcome.body
      if (outcome.kind === 'failed') throw outcome.error
      const backoff = Math.min(maxRetryDelayMs, retryDelayMs * 2 ** (attempt - 1))
      const asked = outcome.afterMs
      // What was sent and not answered may have been done, whatever the last answer says.
      if (request.method === 'POST' && outcome.error.code === 'io') unsure = outcome.error
      if (attempt >= maxAttempts || (asked !== undefined && asked > maxRetryDelayMs)) throw unsure ?? outcome.error
      // Jittered, so that clients who were turned away together do not come back together.
      await pause(asked === undefined ? backoff * random() : asked + retryDelayMs * random(), request.signal)
    }
  }
}

/** Any answer, for protocols in which other statuses than 200 mean something. */
export interface HttpReply {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

/**
 * Sends a request once and resolves with the answer, whatever its status. Rejects with `io` (the network, a timeout),
 * `too_large` (an answer over its limit) or, when `signal` is aborted, with its reason.
 */
export const httpExchange = (
  options: Pick<HttpOptions, 'url' | 'fetch' | 'timeoutMs'>,
): ((request: HttpRequest) => Promise<HttpReply>) => {
  const prefix = new URL(options.url).href.replace(/\/+$/, '')
  return async (request) => {
    const { method = 'GET', limit, path } = request
    const what = `${method} ${prefix}/${path}`
    return once(options, `${prefix}/${path}`, request, async (response) => {
      const body = await readUpTo(response, limit)
      if (body === undefined) throw new TlogError('too_large', `${what}: the answer has over ${limit} bytes`)
      return { status: response.status, headers: response.headers, body }
    })
  }
}

const tryOnce = async (options: HttpOptions, url: string, request: HttpRequest): Promise<Attempt> => {
  const { signal, method = 'GET' } = request
  try {
    return await once(options, url, request, (response) => readAnswer(response, `${method} ${url}`, request.limit))
  } catch (error) {
    signal?.throwIfAborted()
    if (!isTlogError(error, 'io')) throw error
    return { kind: 'retry', error, afterMs: undefined }
  }
}

/** One request and the reading of its answer, under one time limit. What fails on the way is `io`. */
const once = async <T>(
  options: HttpOptions,
  url: string,
  request: HttpRequest,
  read: (response: Response) => Promise<T>,
): Promise<T> => {
  const { timeoutMs = 30_000 } = options
  const { signal, method = 'GET' } = request
  signal?.throwIfAborted()
  const stop = new AbortController()
  const abort = (): void => stop.abort(signal?.reason)
  // Not AbortSignal.any: some engines keep what it makes for as long as the caller's signal lives.
  signal?.addEventListener('abort', abort)
  const timer = setTimeout(() => stop.abort(new TlogError('io', `no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await read(await ask(options, url, request, stop.signal))
  } catch (cause) {
    signal?.throwIfAborted()
    if (isTlogError(cause, 'too_large')) throw cause
    throw new TlogError('io', `${method} ${url}: ${reasonOf(cause)}`, { cause })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    // What is still on its way is of no use any more.
    stop.abort()
  }
}

const ask = (options: HttpOptions, url: string, request: HttpRequest, signal: AbortSignal): Promise<Response> => {
  const send = options.fetch ?? globalThis.fetch
  const { method = 'GET', body } = request
  return send(url, {
    method,
    headers: { ...options.headers, ...request.headers },
    signal,
    // A redirect would carry a token and an entry to somewhere else; what is read may come from anywhere.
    redirect: method === 'GET' ? 'follow' : 'error',
    ...(body && { body: Uint8Array.from(body) }),
  })
}

const readAnswer = async (response: Response, what: string, limit: number): Promise<Attempt> => {
  if (response.status === 200) {
    const body = await readUpTo(response, limit)
    if (body !== undefined) return { kind: 'answer', body }
    return { kind: 'failed', error: new TlogError('too_large', `${what}: the answer has over ${limit} bytes`) }
  }
  const detail = await sentenceOf(response)
  const error = new TlogError(codes.get(response.status) ?? 'io', `${what}: ${response.status} ${detail}`.trimEnd())
  if (!passing.has(response.status)) return { kind: 'failed', error }
  return { kind: 'retry', error, afterMs: retryAfterMs(response.headers) }
}

const passing: ReadonlySet<number> = new Set([429, 502, 503, 504])

const codes: ReadonlyMap<number, ErrorCode> = new Map([
  [400, 'malformed'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not_found'],
  // A server of files says this to a POST that it has no route for.
  [405, 'not_found'],
  [410, 'not_found'],
  [413, 'too_large'],
  [415, 'malformed'],
  [422, 'malformed'],
  [429, 'pushback'],
])

/** The body, or undefined when it has over `limit` bytes: then the rest is not read. */
const readUpTo = async (response: Response, limit: number): Promise<Uint8Array | undefined> => {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) {
    length += next.value.length
    if (length > limit) {
      await reader?.cancel()
      return undefined
    }
    chunks.push(next.value)
  }
  return concatBytes(...chunks)
}

/** What the server says went wrong, as one short line without controls. */
const sentenceOf = async (response: Response): Promise<string> => {
  const body = await readUpTo(response, 4_096)
  const text = new TextDecoder().decode(body ?? new Uint8Array(0))
  return text
    .replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .slice(0, 300)
}

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  // Node's fetch hides the reason one level below.
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message
}

/** The pause that the server asks for. A date is measured against the server's own, as our clock may be wrong. */
const retryAfterMs = (headers: Headers): number | undefined => {
  const value = headers.get('retry-after') ?? ''
  if (/^[0-9]{1,9}$/.test(value)) return Number(value) * 1_000
  const wait = Date.parse(value) - Date.parse(headers.get('date') ?? '')
  return Number.isNaN(wait) ? undefined : Math.max(0, wait)
}

/** Resolves after `ms`; rejects with the reason of `signal` when that is aborted. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
