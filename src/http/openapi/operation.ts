/** The shapes of the API description: what OpenAPI 3.1 says of one operation, and the pieces that many of them share. */

/** A JSON Schema, as far as this API needs one. */
export type Schema = Readonly<Record<string, unknown>>

/** What a body or an answer looks like in one media type. */
export interface MediaType {
  readonly schema: Schema
  readonly example?: unknown
}

/** Bodies or answers by media type. */
export type Content = Readonly<Record<string, MediaType>>

/** A value in the path, the query or the headers of a request. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description: string
  readonly schema: Schema
  readonly example?: unknown
}

/** One answer. */
export interface Answer {
  readonly description: string
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>
  readonly content?: Content
}

/** One route of the API. */
export interface Operation {
  /** The pattern by which the app knows it. */
  readonly route: string
  /** The same as OpenAPI writes it, with every parameter in braces. */
  readonly path: string
  readonly method: 'get' | 'post'
  readonly operationId: string
  readonly tag: string
  readonly summary: string
  readonly description: string
  /** True when it wants a token. */
  readonly secured?: boolean
  readonly parameters?: readonly Parameter[]
  readonly body?: { readonly description: string; readonly content: Content }
  /** By status code. */
  readonly responses: Readonly<Record<string, Answer>>
}

/** A size or an index: 0 to 2^53−1, in decimal without leading zeros. */
export const count = (description: string): Schema => ({
  type: 'integer',
  minimum: 0,
  maximum: 2 ** 53 - 1,
  description,
})

/** 32 bytes in standard base64 with padding. */
export const base64Hash: Schema = { type: 'string', pattern: '^[A-Za-z0-9+/]{43}=$', contentEncoding: 'base64' }

/** 32 bytes in lower-case hexadecimal. */
export const hexHash: Schema = { type: 'string', pattern: '^[0-9a-f]{64}$' }

/** An object with these properties, all of them always there. */
export const object = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
})

/** A list. */
export const list = (items: Schema, description?: string): Schema => ({
  type: 'array',
  items,
  ...(description !== undefined && { description }),
})

/** A parameter in the path. */
export const inPath = (name: string, description: string, schema: Schema, example: unknown): Parameter => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
  example,
})

/** A parameter in the query that must be given, exactly once. */
export const inQuery = (name: string, description: string, schema: Schema, example: unknown): Parameter => ({
  ...inPath(name, description, schema, example),
  in: 'query',
})

/** Raw bytes. */
export const bytes = (description: string): Content => ({
  'application/octet-stream': { schema: { type: 'string', format: 'binary', description } },
})

/** Text. */
export const text = (example: string, mediaType = 'text/plain'): Content => ({
  [mediaType]: { schema: { type: 'string' }, example },
})

/** JSON. */
export const json = (schema: Schema, example: unknown): Content => ({ 'application/json': { schema, example } })

/** The answers that stand for errors, all of them one line of text: the code, a colon, a sentence. */
const errors: Readonly<Record<string, { readonly description: string; readonly example: string }>> = {
  400: {
    description: 'The request is not in the one form that this route allows. Nothing was changed.',
    example: 'malformed: want a decimal from 0 to 2^53-1 without leading zeros, got "007"\n',
  },
  401: {
    description: 'No token, or one that is not known.',
    example: 'unauthorized: want "Authorization: Bearer <token>"\n',
  },
  403: {
    description: 'A token that may not do this.',
    example: 'forbidden: a token with the role append may not do this, which takes event.read\n',
  },
  409: { description: 'It contradicts what is there.', example: 'conflict: another event has this id\n' },
  404: { description: 'What was asked for is not there, or not yet.', example: 'out_of_range: size 9 is over 7\n' },
  413: {
    description: 'The body, an entry or a batch is over its limit. Nothing was changed.',
    example: 'too_large: want a body of at most 65535 bytes\n',
  },
  422: {
    description: 'The body is not what its Content-Digest says: it was damaged on the way. Nothing was changed.',
    example: 'bad_proof: the body does not have the digest that its producer sent\n',
  },
  429: {
    description: 'More is waiting than the disk takes. Nothing was kept: retry after Retry-After seconds.',
    example: 'pushback: 65536 entries wait already\n',
  },
  500: {
    description: 'A fault of the server: stored bytes that do not match the tree (`corrupt`), or a bug (`internal`).',
    example: 'corrupt: an entry of 256 to 511 does not match the tree\n',
  },
  503: {
    description:
      'The log takes no entries now (`refused`, `poisoned`), or a write failed half-way (`unknown_outcome`): retrying with the same bytes after Retry-After seconds is safe.',
    example: 'unknown_outcome: the write may or may not have happened; retry with the same bytes, replays are safe\n',
  },
}

const retryAfter = {
  'Retry-After': { description: 'Seconds, with some chance in them.', schema: { type: 'integer', minimum: 1 } },
}

/** The error answers with these status codes. */
export const failures = (...statuses: readonly number[]): Readonly<Record<string, Answer>> =>
  Object.fromEntries(
    statuses.map((status) => {
      const { description, example } = errors[status] ?? { description: '', example: '' }
      const headers = status === 429 || status === 503 ? { headers: retryAfter } : {}
      return [String(status), { description, ...headers, content: text(example) }]
    }),
  )
