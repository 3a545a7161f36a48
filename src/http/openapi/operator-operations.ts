/** The description of the routes for whoever runs the log, and of those that describe it. */
import { unreadiness, warnings } from '../health.ts'
import { count, json, list, type Operation, object, text } from './operation.ts'

const remarks = (names: object) =>
  list(
    object({
      name: { type: 'string', enum: Object.keys(names) },
      detail: { type: 'string' },
      help: { type: 'string' },
    }),
  )

const readiness = object({
  ready: { type: 'boolean' },
  reasons: remarks(unreadiness),
  warnings: remarks(warnings),
  size: count('The size of the newest head.'),
  time: count('When it was signed, in milliseconds since 1970.'),
})

const html = text('<!doctype html>…', 'text/html')

/** Every operation of `operationApp` and `docsApp`. */
export const operatorOperations: readonly Operation[] = [
  {
    route: '/healthz',
    path: '/healthz',
    method: 'get',
    operationId: 'healthz',
    tag: 'Operation',
    summary: 'Whether the process lives',
    description:
      'Answers as long as the event loop turns, also when the disk hangs. No answer is a reason to restart it.',
    responses: { 200: { description: 'It does.', content: text('ok\n') } },
  },
  {
    route: '/readyz',
    path: '/readyz',
    method: 'get',
    operationId: 'readyz',
    tag: 'Operation',
    summary: 'Whether the log takes entries',
    description:
      'With the reasons if not, and with what an operator should look at in any case, each with what helps. Not being ready is no reason to restart it; reads may work all the same.',
    responses: {
      200: {
        description: 'It does.',
        content: json(readiness, { ready: true, reasons: [], warnings: [], size: 3, time: 1_795_227_473_255 }),
      },
      503: {
        description: 'It does not.',
        content: json(readiness, {
          ready: false,
          reasons: [
            {
              name: 'disk_full',
              detail: 'disk_full: 1048576 bytes are free, the watermark is 67108864',
              help: unreadiness.disk_full,
            },
          ],
          warnings: [],
          size: 3,
          time: 1_795_227_473_255,
        }),
      },
    },
  },
  {
    route: '/metrics',
    path: '/metrics',
    method: 'get',
    operationId: 'metrics',
    tag: 'Operation',
    summary: 'Numbers for Prometheus',
    description: 'Sizes, the pool, times of commits, requests by route, errors by code, and those of the process.',
    responses: { 200: { description: 'Prometheus text format.', content: text('treehead_size 3\n') } },
  },
  {
    route: '/openapi.json',
    path: '/openapi.json',
    method: 'get',
    operationId: 'openapi',
    tag: 'Operation',
    summary: 'This description',
    description: 'OpenAPI 3.1.',
    responses: { 200: { description: 'The document.', content: json({ type: 'object' }, { openapi: '3.1.0' }) } },
  },
  {
    route: '/docs',
    path: '/docs',
    method: 'get',
    operationId: 'docs',
    tag: 'Operation',
    summary: 'This description, to read',
    description: 'A page without scripts.',
    responses: { 200: { description: 'The page.', content: html } },
  },
  {
    route: '/',
    path: '/',
    method: 'get',
    operationId: 'landing',
    tag: 'Operation',
    summary: 'Which log this is',
    description: 'Its origin, key and size, as a page.',
    responses: { 200: { description: 'The page.', content: html } },
  },
]
