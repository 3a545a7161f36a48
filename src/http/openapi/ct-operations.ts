/** The description of the RFC 6962 routes. */
import { base64Hash, count, failures, inQuery, json, list, type Operation, object } from './operation.ts'

const HASH = 'fvrcJfEGM31rKrxpU1Fq0RYhuxBOKVYCjg5wNdYdKhU='
const base64 = { type: 'string', contentEncoding: 'base64' }
const leaf = { leaf_input: { ...base64, description: 'The entry itself.' }, extra_data: { type: 'string', const: '' } }
const path = list(base64Hash, 'The hashes, lowest level first.')
const treeSize = inQuery('tree_size', 'The size of the tree that the proof is for.', count('A tree size.'), 3)

/** Every operation of `ctApp`. */
export const ctOperations: readonly Operation[] = [
  {
    route: '/ct/v1/get-sth',
    path: '/ct/v1/get-sth',
    method: 'get',
    operationId: 'getSth',
    tag: 'RFC 6962',
    summary: 'The newest signed tree head',
    description: 'Of the same tree as /checkpoint, signed by an ECDSA key of its own (RFC 6962 section 4.3).',
    responses: {
      200: {
        description: 'The head.',
        content: json(
          object({
            tree_size: count('The size.'),
            timestamp: count('Milliseconds since 1970.'),
            sha256_root_hash: base64Hash,
            tree_head_signature: { ...base64, description: 'A DigitallySigned structure of TLS.' },
          }),
          { tree_size: 3, timestamp: 1_795_227_473_255, sha256_root_hash: HASH, tree_head_signature: 'BAMARzBF' },
        ),
      },
      ...failures(500),
    },
  },
  {
    route: '/ct/v1/get-sth-consistency',
    path: '/ct/v1/get-sth-consistency',
    method: 'get',
    operationId: 'getSthConsistency',
    tag: 'RFC 6962',
    summary: 'A consistency proof',
    description: 'Between two sizes (RFC 6962 section 4.4); from size 0 the proof is empty.',
    parameters: [
      inQuery('first', 'The smaller size.', count('A tree size.'), 2),
      inQuery('second', 'The larger size.', count('A tree size.'), 3),
    ],
    responses: {
      200: { description: 'The proof.', content: json(object({ consistency: path }), { consistency: [HASH] }) },
      ...failures(400, 404, 500),
    },
  },
  {
    route: '/ct/v1/get-proof-by-hash',
    path: '/ct/v1/get-proof-by-hash',
    method: 'get',
    operationId: 'getProofByHash',
    tag: 'RFC 6962',
    summary: 'An inclusion proof, by leaf hash',
    description:
      'For the first entry with this leaf hash (RFC 6962 section 4.5). A log that allows duplicates answers 404.',
    parameters: [inQuery('hash', 'The leaf hash, in base64 with "+" written as %2B.', base64Hash, HASH), treeSize],
    responses: {
      200: {
        description: 'The proof.',
        content: json(object({ leaf_index: count('The index.'), audit_path: path }), {
          leaf_index: 2,
          audit_path: [HASH],
        }),
      },
      ...failures(400, 404, 500),
    },
  },
  {
    route: '/ct/v1/get-entries',
    path: '/ct/v1/get-entries',
    method: 'get',
    operationId: 'getEntries',
    tag: 'RFC 6962',
    summary: 'A range of entries',
    description:
      'Both ends are included (RFC 6962 section 4.6). An answer has at most 1,000 entries, and fewer when they are long: ask again from where it ended.',
    parameters: [
      inQuery('start', 'The first index.', count('An index.'), 0),
      inQuery('end', 'The last index.', count('An index.'), 2),
    ],
    responses: {
      200: {
        description: 'The entries, from `start` on.',
        content: json(object({ entries: list(object(leaf)) }), {
          entries: [{ leaf_input: 'aGVsbG8=', extra_data: '' }],
        }),
      },
      ...failures(400, 404, 500),
    },
  },
  {
    route: '/ct/v1/get-entry-and-proof',
    path: '/ct/v1/get-entry-and-proof',
    method: 'get',
    operationId: 'getEntryAndProof',
    tag: 'RFC 6962',
    summary: 'An entry and its inclusion proof',
    description: 'RFC 6962 section 4.8.',
    parameters: [inQuery('leaf_index', 'The index.', count('An index.'), 2), treeSize],
    responses: {
      200: {
        description: 'Both.',
        content: json(object({ ...leaf, audit_path: path }), {
          leaf_input: 'aGVsbG8=',
          extra_data: '',
          audit_path: [HASH],
        }),
      },
      ...failures(400, 404, 500),
    },
  },
]
