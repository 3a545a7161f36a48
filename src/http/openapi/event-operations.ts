/** The description of the routes of audit events. */
import {
  base64Hash,
  count,
  failures,
  inPath,
  inQuery,
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

const condition = (name: string, description: string): Parameter => ({
  name,
  in: 'query',
  required: false,
  description,
  schema: { type: 'string' },
})

const conditions: readonly Parameter[] = [
  condition('actor', 'The id of the actor.'),
  condition('target', 'The id of the target.'),
  condition('action', 'The action, or a family of them: `user.*`.'),
  condition('outcome', 'The outcome.'),
  condition('source', 'Who sent it.'),
  condition('tenant', 'The tenant.'),
  condition('ip', 'An address or a CIDR that the source claims to be in.'),
  condition('corr', 'What ties events together.'),
  condition('q', 'Words, all of which occur.'),
  condition('from', 'The earliest source time, RFC 3339.'),
  condition('to', 'The source time before which it happened, RFC 3339.'),
  condition('first', 'The lowest index.'),
  condition('end', 'The index below which it is.'),
]

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
    route: '/v1/events',
    path: '/v1/events',
    method: 'get',
    operationId: 'searchEvents',
    tag: 'Events',
    summary: 'Find events',
    description:
      'A page of the events that fulfil all conditions. The first page fixes how many entries are searched, so that the pages together have each event once, whatever is appended meanwhile; an event that was acknowledged is found. Conditions on the payload take a token that may see it.',
    secured: true,
    parameters: [
      ...conditions,
      condition('order', '`index`, the default, or `time`: by the source time.'),
      condition('desc', 'Given with any value or none: the largest first.'),
      condition('limit', 'Most events on the page, 1 to 1,000; 100 by default.'),
      condition('cursor', '`next` of the page before; all else has to be as it was there.'),
    ],
    responses: {
      200: {
        description: 'A page. `next` is absent on the last one.',
        content: json(
          { ...object({ events: list({ type: 'object' }), size: count('The entries that were searched.') }) },
          { events: [stored], size: 4, next: 'AAAA' },
        ),
      },
      ...failures(400, 401, 403, 500, 503),
    },
  },
  {
    route: '/v1/events/count',
    path: '/v1/events/count',
    method: 'get',
    operationId: 'countEvents',
    tag: 'Events',
    summary: 'Count events',
    description: 'How many events fulfil all conditions.',
    secured: true,
    parameters: conditions,
    responses: {
      200: { description: 'The number.', content: json(object({ count: count('How many.') }), { count: 1 }) },
      ...failures(400, 401, 403, 500, 503),
    },
  },
  {
    route: '/v1/events/facets',
    path: '/v1/events/facets',
    method: 'get',
    operationId: 'countByValue',
    tag: 'Events',
    summary: 'Count events by value',
    description: 'How many of the events that fulfil all conditions have each value.',
    secured: true,
    parameters: [
      inQuery(
        'by',
        'What is counted by.',
        { type: 'string', enum: ['hour', 'day', 'action', 'actor', 'target', 'outcome', 'source', 'tenant'] },
        'action',
      ),
      ...conditions,
      condition('limit', 'Most values, 1 to 1,000; 100 by default.'),
    ],
    responses: {
      200: {
        description: 'The values, the most frequent first.',
        content: json(
          object({
            values: list({ type: 'object' }),
            others: count('Events with other values.'),
            without: count('Events without a value.'),
          }),
          { values: [{ value: 'user.role.assign', count: 1 }], others: 0, without: 0 },
        ),
      },
      ...failures(400, 401, 403, 500, 503),
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
