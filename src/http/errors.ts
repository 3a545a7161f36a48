/** Errors as HTTP answers: one status for each code, one sentence for the reader, nothing of the inside. */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { RefusedError } from '../log/refusal.ts'
import { type ErrorCode, TlogError } from '../primitives/error.ts'
import { standardHeaders } from './headers.ts'

/** The status of each code. 4xx: the request is at fault and changed nothing. 5xx: the server is. */
export const statusOf: Readonly<Record<ErrorCode, ContentfulStatusCode>> = {
  malformed: 400,
  bad_proof: 422,
  bad_signature: 422,
  untrusted: 403,
  wrong_origin: 404,
  inconsistent: 409,
  not_found: 404,
  out_of_range: 404,
  too_large: 413,
  unauthorized: 401,
  forbidden: 403,
  pushback: 429,
  conflict: 409,
  unknown_outcome: 503,
  poisoned: 503,
  corrupt: 500,
  io: 503,
  refused: 503,
  usage: 400,
}

/** An error as it is answered. */
export interface ErrorAnswer {
  readonly status: ContentfulStatusCode
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** The answer to `error`: a line of text with its code in front. Reports what is the server's own fault. */
export const errorAnswer = (error: unknown, report: (error: unknown) => void): ErrorAnswer => {
  const headers: Record<string, string> = {
    ...standardHeaders,
    'Cache-Control': 'no-store',
    'Content-Type': 'text/plain; charset=utf-8',
  }
  if (!(error instanceof TlogError)) {
    report(error)
    return { status: 500, headers, text: 'internal: the server failed; its log says more\n' }
  }
  const status = statusOf[error.code]
  if (status >= 500) report(error)
  if (status === 429 || status === 503) headers['Retry-After'] = String(retryAfterSeconds())
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer'
  return { status, headers, text: `${error.code}: ${sentence(error)}\n` }
}

/** Answers `error`; called for whatever a handler threw. */
export const answerError = (error: unknown, c: Context, report: (error: unknown) => void): Response => {
  // hono's own middleware throws these; swallowing them would turn a 413 into a 500.
  if (error instanceof HTTPException) return error.getResponse()
  const { status, headers, text } = errorAnswer(error, report)
  return c.body(text, status, headers)
}

const sentence = (error: TlogError): string => {
  if (error instanceof RefusedError) return `${error.message}; ${error.help}`
  if (error.code === 'unknown_outcome')
    return 'the write may or may not have happened; retry with the same bytes, replays are safe'
  return error.message
}

/** One to three seconds: jittered, so that producers who were pushed back together do not come back together. */
const retryAfterSeconds = (): number => 1 + Math.floor(Math.random() * 3)
