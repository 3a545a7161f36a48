/** The description of the log's own routes: appending, tiles, entries and proofs. */
import {
  base64Hash,
  bytes,
  count,
  failures,
  hexHash,
  inPath,
  json,
  list,
  type Operation,
  object,
  type Parameter,
  text,
} from './operation.ts'

const CHECKPOINT =
  'example.com/log\n3\n9iTfzkZUfKkLA8EUbFGsFUkoOLt4lYxYMWQyZGrk9yE=\n\n— example.com/log cHVibGlzaGVkIGV4YW1wbGU=\n'
const PROOF_FILE = `c2sp.org/tlog-proof@v1\nindex 2\nfvrcJfEGM31rKrxpU1Fq0RYhuxBOKVYCjg5wNdYdKhU=\n\n${CHECKPOINT}`
const LEAF_HASH = '3f3fbdd3e6c1ea6fd3f0d0d0b1d3a3c2f5a0e6a27c1c9b2d8a54d2a2b1f0c9d8'
const HASH = 'fvrcJfEGM31rKrxpU1Fq0RYhuxBOKVYCjg5wNdYdKhU='

const digest: Parameter = {
  name: 'Content-Digest',
  in: 'header',
  required: false,
  description: 'The SHA-256 of the body as RFC 9530 writes it. A body that was damaged on the way is then refused.',
  schema: { type: 'string', pattern: 'sha-256=:[A-Za-z0-9+/=]+:' },
  example: 'sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:',
}

const prefer: Parameter = {
  name: 'Prefer',
  in: 'header',
  required: false,
  description:
    '`wait=witnessed`: answer when a quorum of witnesses has cosigned a checkpoint over it. 400 for a log without witnesses; 503 when no quorum did in time, and the entry keeps its index.',
  schema: { type: 'string' },
}

const accept = (description: string, example: string): Parameter => ({
  name: 'Accept',
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
  example,
})

const proofQuery: Parameter = {
  name: 'proof',
  in: 'query',
  required: false,
  description: 'Given with any value or none: answer a tlog-proof file, as does `Accept: text/x.tlog-proof`.',
  schema: { type: 'string' },
}

const size = inPath(
  'size',
  'The size of the tree that the proof is for, at most that of the newest checkpoint.',
  count('A tree size.'),
  3,
)
const index = inPath('index', 'The index of the entry; the first is 0.', count('An index.'), 2)
const leafHash = inPath(
  'hash',
  'The leaf hash, SHA-256 of a zero byte and the entry, in lower-case hex.',
  hexHash,
  LEAF_HASH,
)

const proofList = list(base64Hash, 'The hashes, lowest level first.')
const inclusion = object({
  index: count('The index.'),
  size: count('The size.'),
  leafHash: base64Hash,
  proof: proofList,
})
const consistency = object({ size1: count('The smaller size.'), size2: count('The larger size.'), proof: proofList })
const proofFile = text(PROOF_FILE, 'text/x.tlog-proof')

const appends: readonly Operation[] = [
  {
    route: '/add',
    path: '/add',
    method: 'post',
    operationId: 'add',
    tag: 'Append',
    summary: 'Append one entry',
    description:
      'Answers once the entry is synced to disk, in the tree and under a signed checkpoint. Bytes that are in the log already answer their first index, unless the log allows duplicates; so a retry is always safe.',
    secured: true,
    parameters: [
      proofQuery,
      accept('`text/x.tlog-proof` to be answered a tlog-proof file.', 'text/x.tlog-proof'),
      digest,
      prefer,
    ],
    body: {
      description: 'The entry: 1 to 65,535 bytes of any kind and any Content-Type.',
      content: bytes('The entry.'),
    },
    responses: {
      200: {
        description: 'The index of the entry in decimal, without a newline, or the tlog-proof file that was asked for.',
        content: { ...text('2'), ...proofFile },
      },
      ...failures(400, 401, 413, 422, 429, 500, 503),
    },
  },
  {
    route: '/add-batch',
    path: '/add-batch',
    method: 'post',
    operationId: 'addBatch',
    tag: 'Append',
    summary: 'Append many entries',
    description:
      'As /add, for many entries that go into one commit, in their order. The Content-Type says how they are joined.',
    secured: true,
    parameters: [accept('`application/json` to be answered JSON.', 'application/json'), digest, prefer],
    body: {
      description: 'At least one entry, each of 1 to 65,535 bytes.',
      content: {
        'application/octet-stream': {
          schema: {
            type: 'string',
            format: 'binary',
            description: 'Each entry after its length as two big-endian bytes (c2sp.org/tlog-tiles).',
          },
        },
        'application/cbor-seq': {
          schema: { type: 'string', format: 'binary', description: 'A CBOR sequence (RFC 8742) of byte strings.' },
        },
      },
    },
    responses: {
      200: {
        description:
          'The index of each entry, in the order given: a line each, or in JSON with a checkpoint that covers them.',
        content: {
          ...text('0\n1\n2\n'),
          ...json(
            object({
              indices: list(count('An index.')),
              duplicates: count('How many were in the log already.'),
              checkpoint: { type: 'string', description: 'A checkpoint that covers them all.' },
            }),
            { indices: [0, 1, 2], duplicates: 0, checkpoint: CHECKPOINT },
          ),
        },
      },
      ...failures(400, 401, 413, 422, 429, 500, 503),
    },
  },
]

const tileIndex = inPath(
  'index',
  'The index of the tile in groups of three digits, all but the last group with an x before them; for a partial tile followed by `.p/` and its width.',
  { type: 'string', pattern: '^(?:x[0-9]{3}/)*[0-9]{3}(?:\\.p/[1-9][0-9]{0,2})?$' },
  'x001/x234/067',
)

const tiles: readonly Operation[] = [
  {
    route: '/checkpoint',
    path: '/checkpoint',
    method: 'get',
    operationId: 'checkpoint',
    tag: 'Tiles',
    summary: 'The newest published head',
    description:
      'Origin, size and root, signed by the log (c2sp.org/tlog-checkpoint), and cosigned by a quorum of witnesses where the log has them. 404 before the first quorum.',
    responses: { 200: { description: 'A signed note.', content: text(CHECKPOINT) }, ...failures(404) },
  },
  {
    route: '/checkpoint/signed',
    path: '/checkpoint/signed',
    method: 'get',
    operationId: 'signedCheckpoint',
    tag: 'Tiles',
    summary: 'The newest signed head',
    description:
      'What the log has signed and its witnesses may not have seen yet; the same as /checkpoint where it has none.',
    responses: { 200: { description: 'A signed note.', content: text(CHECKPOINT) } },
  },
  {
    route: '/tile/*',
    path: '/tile/{level}/{index}',
    method: 'get',
    operationId: 'tile',
    tag: 'Tiles',
    summary: 'A tile of hashes',
    description:
      'Up to 256 hashes of 32 bytes in a row (c2sp.org/tlog-tiles). Every partial tile of every checkpoint stays to be had. Tiles never change.',
    parameters: [
      inPath('level', 'The tile level.', { type: 'integer', minimum: 0, maximum: 63 }, 0),
      { ...tileIndex, example: '000.p/3' },
    ],
    responses: {
      200: { description: 'The hashes.', content: bytes('32 bytes for each hash.') },
      ...failures(404, 500),
    },
  },
  {
    route: '/tile/*',
    path: '/tile/entries/{index}',
    method: 'get',
    operationId: 'entryBundle',
    tag: 'Tiles',
    summary: 'A bundle of entries',
    description:
      'Up to 256 entries, each after its length as two big-endian bytes (c2sp.org/tlog-tiles). Compressed with gzip when the client accepts that.',
    parameters: [{ ...tileIndex, example: '000.p/3' }],
    responses: { 200: { description: 'The entries.', content: bytes('Lengths and entries.') }, ...failures(404, 500) },
  },
  {
    route: '/entry/:index',
    path: '/entry/{index}',
    method: 'get',
    operationId: 'entry',
    tag: 'Tiles',
    summary: 'One entry',
    description: 'The bytes as they were appended.',
    parameters: [index],
    responses: { 200: { description: 'The entry.', content: bytes('The entry.') }, ...failures(400, 404, 500) },
  },
]

const proofs: readonly Operation[] = [
  {
    route: '/inclusion/:size/:index',
    path: '/inclusion/{size}/{index}',
    method: 'get',
    operationId: 'inclusionByIndex',
    tag: 'Proofs',
    summary: 'An inclusion proof, by index',
    description: 'Proves that the entry at an index is in the tree of a size (RFC 6962 section 2.1.1).',
    parameters: [size, index],
    responses: {
      200: {
        description: 'The proof.',
        content: json(inclusion, { index: 2, size: 3, leafHash: HASH, proof: [HASH] }),
      },
      ...failures(400, 404, 500),
    },
  },
  {
    route: '/inclusion/:size/leaf/:hash',
    path: '/inclusion/{size}/leaf/{hash}',
    method: 'get',
    operationId: 'inclusionByHash',
    tag: 'Proofs',
    summary: 'An inclusion proof, by leaf hash',
    description: 'As by index, for the first entry with this leaf hash. A log that allows duplicates answers 404.',
    parameters: [size, leafHash],
    responses: {
      200: {
        description: 'The proof.',
        content: json(inclusion, { index: 2, size: 3, leafHash: HASH, proof: [HASH] }),
      },
      ...failures(400, 404, 500),
    },
  },
  {
    route: '/consistency/:size1/:size2',
    path: '/consistency/{size1}/{size2}',
    method: 'get',
    operationId: 'consistency',
    tag: 'Proofs',
    summary: 'A consistency proof',
    description:
      'Proves that the tree of the larger size only adds to that of the smaller one (RFC 6962 section 2.1.2).',
    parameters: [
      inPath('size1', 'The smaller size, at least 1.', count('A tree size.'), 2),
      inPath('size2', 'The larger size, at most that of the newest checkpoint.', count('A tree size.'), 3),
    ],
    responses: {
      200: { description: 'The proof.', content: json(consistency, { size1: 2, size2: 3, proof: [HASH] }) },
      ...failures(400, 404, 500),
    },
  },
  {
    route: '/proof/:index',
    path: '/proof/{index}',
    method: 'get',
    operationId: 'proofFileByIndex',
    tag: 'Proofs',
    summary: 'A proof to keep, by index',
    description:
      'A tlog-proof file (c2sp.org/tlog-proof): index, inclusion proof and checkpoint, which `treehead verify` checks offline.',
    parameters: [index],
    responses: { 200: { description: 'The file.', content: proofFile }, ...failures(400, 404, 500) },
  },
  {
    route: '/proof/leaf/:hash',
    path: '/proof/leaf/{hash}',
    method: 'get',
    operationId: 'proofFileByHash',
    tag: 'Proofs',
    summary: 'A proof to keep, by leaf hash',
    description: 'As by index, for the first entry with this leaf hash. A log that allows duplicates answers 404.',
    parameters: [leafHash],
    responses: { 200: { description: 'The file.', content: proofFile }, ...failures(400, 404, 500) },
  },
]

/** Every operation of `logApp`. */
export const logOperations: readonly Operation[] = [...appends, ...tiles, ...proofs]
