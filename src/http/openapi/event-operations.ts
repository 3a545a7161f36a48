/** The description of the routes of audit events. */
import {
  base64Hash,
  count,
  failures,
  inPath,
  json,
  list,
  type Operation,
  object,
  type Parameter,
  type Schema,
} from './operation.ts'

const CHECKPOINT =
  'example.com/log\n3\n9iTfzkZUfKkLA8EUbFGsFUkoOLt4lYxYMWQyZGrk9yE=\n\n— example.com/log cHVibGlzaGVkIGV4YW1wbGU=\n'
const HASH = 'fvrcJfEGM31rKrxpU1Fq0RYhuxBOKVYCjg5wNdYdKhU='

const event = {
  id: '01K0AV6Y7N1',
  time: '2026-11-20T21:47:00.123Z',
  action: 'user.role.assign',
  outcome: 'success',
  actor: { type: 'admin', id: 'u_1' },
  target: { type: 'user', id: 'u_42' },
}

const eventSchema: Schema = {
  type: 'object',
  description: 'An event: sixteen keys, five of them mandatory (spec/audit.md).',
  properties: {
    id: { type: 'string', pattern: '^[!-~]{1,64}$' },
    time: { type: 'string', format: 'date-time' },
    action: { type: 'string' },
    outcome: { type: 'string', enum: ['success', 'failure', 'denied', 'unknown'] },
    actor: { type: 'object' },
    target: { type: 'object' },
  },
  required: ['id', 'time', 'action', 'actor', 'target'],
}

const prefer: Parameter = {
  name: 'Prefer',
  in: 'header',
  required: false,
  description:
    '`wait=witnessed`: answer when a quorum of witnesses has cosigned a checkpoint over the events. 400 for a log without witnesses; 503 when no quorum did in time, and the events keep their indices.',
  schema: { type: 'string' },
}

const accepted = object({
  id: { type: 'string' },
  index: count('Its index, the first one for a replay.'),
  leaf: base64Hash,
  dup: { type: 'boolean', description: 'True when it was there already.' },
})
const rejected = object({
  item: count('Its place in the request, from 0.'),
  code: { type: 'string' },
  path: { type: 'string', description: 'A JSON pointer.' },
  message: { type: 'string' },
})

const index = inPath('index', 'The index of the event.', count('An index.'), 3)
const stored = {
  index: 3,
  received: '2026-11-20T21:47:00.456Z',
  source: 'okta',
  number: 1,
  leaf: HASH,
  event,
}

const answer = json(
  object({
    accepted: list(accepted),
    rejected: list(rejected),
    checkpoint: { type: 'string', description: 'A checkpoint that covers all that were accepted.' },
  }),
  {
    accepted: [{ id: event.id, index: 3, received: stored.received, leaf: HASH, dup: false }],
    rejected: [],
    checkpoint: CHECKPOINT,
  },
)

/** The operations. */
export const eventOperations: readonly Operation[] = [
  {
    route: '/v1/events',
    path: '/v1/events',
    method: 'post',
    operationId: 'sendEvents',
    tag: 'Events',
    summary: 'Send one event or many',
    description:
      'Items are judged one by one: those that are right are accepted whatever the others are. Accepted means synced to disk with their payloads, in the tree and under a signed checkpoint. An event with an id that its source has used gets the index that it had, and nothing is appended.',
    secured: true,
    parameters: [
      {
        name: 'proof',
        in: 'query',
        required: false,
        description: 'Given with any value or none: each accepted item carries its tlog-proof file.',
        schema: { type: 'string' },
      },
      prefer,
    ],
    body: {
      description: 'An event, or 1 to 1,000 of them; at most 4 MiB.',
      content: json({ oneOf: [eventSchema, list(eventSchema)] }, [event]),
    },
    responses: {
      200: {
        description: 'At least one was accepted.',
        content: answer,
      },
      ...failures(400, 401, 403, 413, 429, 500, 503),
      409: { description: 'The one event has an id that another one has.', content: answer },
      422: { description: 'None was accepted.', content: answer },
    },
  },
  {
    route: '/v1/events/:index',
    path: '/v1/events/{index}',
    method: 'get',
    operationId: 'getEvent',
    tag: 'Events',
    summary: 'One event',
    description:
      'The event as it was sent, opened against the commitments of its entry. Reading personal fields is an entry of the log itself; a token of the role audit is shown none.',
    secured: true,
    parameters: [index],
    responses: {
      200: {
        description: 'The event, and what the log knows of it.',
        content: json(
          object({
            index: count('Its index.'),
            received: { type: 'string', format: 'date-time' },
            source: { type: 'string' },
            number: count('Its number among those of its source.'),
            leaf: base64Hash,
            event: eventSchema,
          }),
          stored,
        ),
      },
      ...failures(400, 401, 403, 404, 500, 503),
    },
  },
  {
    route: '/v1/events/:index/file',
    path: '/v1/events/{index}/file',
    method: 'get',
    operationId: 'getEventFile',
    tag: 'Events',
    summary: 'The event file of one event',
    description:
      'The entry, its proof and what opens its commitments in one file, which verifies offline (spec/entry.md).',
    secured: true,
    parameters: [index],
    responses: {
      200: {
        description: 'The event file.',
        content: { 'application/vnd.treehead.event+json': { schema: { type: 'object' } } },
      },
      ...failures(400, 401, 403, 404, 500, 503),
    },
  },
  {
    route: '/v1/ingest/:format',
    path: '/v1/ingest/{format}',
    method: 'post',
    operationId: 'ingest',
    tag: 'Events',
    summary: 'Deliver in the format of another system',
    description:
      'Each item becomes one event with its own bytes beside it; what cannot be made into one is kept in quarantine. The answer is the one that the sender of that format understands (spec/sources.md).',
    secured: true,
    parameters: [
      inPath('format', 'The name of the format.', { type: 'string' }, 'cloudtrail'),
      {
        name: 'summary',
        in: 'query',
        required: false,
        description: 'Given with any value or none: answer how many items there were of each kind, in JSON.',
        schema: { type: 'string' },
      },
    ],
    body: {
      description: 'A delivery of at most 20 MiB, plain or gzip.',
      content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
    },
    responses: {
      200: {
        description: 'Everything was kept.',
        content: json(
          object({
            events: count('Events, those that were there included.'),
            duplicates: count('How many of all were there already.'),
            quarantined: count('Kept as they came.'),
            ignored: count('Nothing for an audit log.'),
          }),
          { events: 2, duplicates: 0, quarantined: 0, ignored: 0 },
        ),
      },
      ...failures(400, 401, 403, 404, 413, 429, 500, 503),
    },
  },
  {
    route: '/v1/ingest/okta',
    path: '/v1/ingest/okta',
    method: 'get',
    operationId: 'verifyOktaHook',
    tag: 'Events',
    summary: 'Okta’s one-time verification',
    description: 'Answers the challenge by which Okta checks the endpoint of an event hook.',
    parameters: [
      {
        name: 'X-Okta-Verification-Challenge',
        in: 'header',
        required: true,
        description: 'What is to be answered.',
        schema: { type: 'string' },
        example: 'challenge',
      },
    ],
    responses: {
      200: {
        description: 'The challenge.',
        content: json(object({ verification: { type: 'string' } }), { verification: 'challenge' }),
      },
      ...failures(400),
    },
  },
]
