/** The OpenAPI 3.1 document of the service, put together from the descriptions of its parts. */
import { ctOperations } from './ct-operations.ts'
import { eventOperations } from './event-operations.ts'
import { logOperations } from './log-operations.ts'
import type { Operation } from './operation.ts'
import { operatorOperations } from './operator-operations.ts'

/** The operations of the parts that a server is made of by default. */
export const allOperations: readonly Operation[] = [
  ...logOperations,
  ...eventOperations,
  ...ctOperations,
  ...operatorOperations,
]

/** What the document says of the service as a whole. */
export interface DocumentOptions {
  readonly version: string
  readonly operations?: readonly Operation[]
}

/** A document as it is served; see spec.openapis.org/oas/v3.1. */
export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: {
    readonly title: string
    readonly version: string
    readonly description: string
    readonly license: object
  }
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>
  readonly components: object
}

const DESCRIPTION =
  'A transparency log: an append-only Merkle tree whose heads are signed, so that every entry, and that none was ever changed or removed, can be checked without trusting the server. Reading the tree is public; appends, and everything about audit events, want a token. Errors are one line of text: a code that stays the same between versions, a colon, a sentence. A path that does not exist is answered with 404, another method with 405; HEAD works where GET does, and every answer may be read by pages of any origin.'

const tags = [
  { name: 'Append', description: 'Writing entries, which takes a token with the role append.' },
  { name: 'Events', description: 'Audit events: sending them and reading them back. All of it takes a token.' },
  {
    name: 'Tiles',
    description: 'The log as static resources (c2sp.org/tlog-tiles), from which a client computes all proofs itself.',
  },
  {
    name: 'Proofs',
    description:
      'Proofs made by the server. A client checks them against a checkpoint whose signature it has verified.',
  },
  { name: 'RFC 6962', description: 'The reading half of the API of Certificate Transparency, for its clients.' },
  { name: 'Operation', description: 'For whoever runs the log.' },
]

/** Makes the document. */
export const openApiDocument = ({ version, operations = allOperations }: DocumentOptions): OpenApiDocument => {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations)
    paths[operation.path] = { ...paths[operation.path], [operation.method]: itemOf(operation) }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Treehead',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags,
    paths,
    components: {
      securitySchemes: {
        appendToken: { type: 'http', scheme: 'bearer', description: 'Made at the first start, in `append.token`.' },
      },
    },
  }
}

const itemOf = ({
  operationId,
  tag,
  summary,
  description,
  secured,
  parameters,
  body,
  responses,
}: Operation): object => ({
  operationId,
  tags: [tag],
  summary,
  description,
  security: secured === true ? [{ appendToken: [] }] : [],
  ...(parameters !== undefined && { parameters }),
  ...(body !== undefined && { requestBody: { required: true, ...body } }),
  responses,
})
