/** The pages of a log: a short one that says which log it is, and its API to read. No scripts, nothing from elsewhere. */
import { createHash } from 'node:crypto'
import { Hono } from 'hono'
import type { LogReader } from '../../log/reader.ts'
import { decodeUtf8 } from '../../primitives/bytes.ts'
import type { Env } from '../body.ts'
import { allOperations, openApiDocument } from './document.ts'
import { escapeHtml, Html, html, join } from './html.ts'
import type { Answer, Content, Operation, Parameter, Schema } from './operation.ts'

/** What the pages say. */
export interface DocsAppOptions {
  readonly reader: LogReader
  readonly origin: string
  readonly vkey: string
  readonly version: string
}

const STYLE = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{overflow-x:auto;padding:.6rem .8rem;border:1px solid #8886;border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere}
h1,h2,h3{line-height:1.2}
h2{margin-top:2.5rem;border-bottom:1px solid #8886}
section>section{margin:1.5rem 0 2rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #8883}
dt{font-weight:600}
dd{margin:0 0 .6rem;overflow-wrap:anywhere}
.method{text-transform:uppercase}`

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
}

/** The app: /, /docs and /openapi.json. */
export const docsApp = ({ reader, origin, vkey, version }: DocsAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  const document = JSON.stringify(openApiDocument({ version }), undefined, 2)
  const docs = docsPage(allOperations, version)
  app.get('/openapi.json', (c) =>
    c.body(document, 200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' }),
  )
  app.get('/docs', (c) => c.body(docs, 200, HEADERS))
  app.get('/', (c) => {
    const { size, time, checkpoint } = reader.published
    return c.body(landingPage({ origin, vkey, version, size, time, checkpoint: decodeUtf8(checkpoint) }), 200, HEADERS)
  })
  return app
}

/** What the landing page shows. */
export interface Landing {
  readonly origin: string
  readonly vkey: string
  readonly version: string
  readonly size: number
  /** Milliseconds since 1970. */
  readonly time: number
  readonly checkpoint: string
}

/** The page at /. */
export const landingPage = ({ origin, vkey, version, size, time, checkpoint }: Landing): string =>
  page(
    origin,
    html`<h1>${origin}</h1>
<p>A transparency log. What it holds, and that nothing in it was ever changed or removed, can be checked without trusting
this server, by whoever has its verifier key from elsewhere than this page.</p>
<dl>
<dt>Verifier key</dt><dd><code>${vkey}</code></dd>
<dt>Entries</dt><dd>${size}</dd>
<dt>Newest head</dt><dd>signed ${new Date(time).toISOString()}<pre>${checkpoint}</pre></dd>
<dt>More</dt><dd><a href="/docs">the API</a> · <a href="/openapi.json">the API for programs</a> ·
<a href="/checkpoint">checkpoint</a> · <a href="/readyz">readiness</a> · <a href="/metrics">metrics</a></dd>
</dl>
<p><small>Treehead ${version}</small></p>`,
  )

/** The page at /docs, made from the same operations as the OpenAPI document. */
export const docsPage = (operations: readonly Operation[], version: string): string => {
  const { info, tags } = openApiDocument({ version, operations })
  const sections = tags.map(({ name, description }) => {
    const own = operations.filter(({ tag }) => tag === name)
    return own.length === 0
      ? html``
      : html`<section><h2>${name}</h2><p>${prose(description)}</p>${join(own.map(operationSection))}</section>`
  })
  return page(
    'Treehead API',
    html`<h1>Treehead API</h1><p>${prose(info.description)}</p>
<p>In the examples <code>$LOG</code> is the address of this log, and <code>$TOKEN</code> an append token. The same for
programs: <a href="/openapi.json">openapi.json</a>.</p>${join(sections)}<p><small>Treehead ${version}</small></p>`,
  )
}

const operationSection = (operation: Operation): Html => {
  const { operationId, method, path, summary, description, parameters = [], body, responses } = operation
  return html`<section id="${operationId}"><h3><code><span class="method">${method}</span> ${path}</code></h3>
<p><strong>${summary}.</strong> ${prose(description)}</p>
<pre>${curlLine(operation)}</pre>
${parameters.length === 0 ? html`` : parameterTable(parameters)}
${body === undefined ? html`` : html`<h4>Body</h4><p>${prose(body.description)}</p>${contentOf(body.content)}`}
<h4>Answers</h4>${join(Object.entries(responses).map(([status, answer]) => answerOf(status, answer)))}</section>
`
}

const parameterTable = (parameters: readonly Parameter[]): Html =>
  html`<h4>Parameters</h4><table><tr><th>Name</th><th>In</th><th></th></tr>${join(
    parameters.map(
      ({ name, in: place, required, description, schema }) =>
        html`<tr><td><code>${name}</code></td><td>${place}${required ? '' : ', optional'}</td><td>${prose(description)} ${limits(schema)}</td></tr>`,
    ),
  )}</table>`

const limits = (schema: Schema): Html => {
  const { pattern, minimum, maximum } = schema
  if (typeof pattern === 'string') return html`<br><code>${pattern}</code>`
  if (typeof minimum === 'number' && typeof maximum === 'number') return html`<br>${minimum} to ${maximum}`
  return html``
}

const answerOf = (status: string, { description, content = {} }: Answer): Html =>
  status.startsWith('2')
    ? html`<p><code>${status}</code> ${prose(description)}</p>${contentOf(content)}`
    : html`<details><summary><code>${status}</code> ${prose(description)}</summary>${contentOf(content)}</details>`

const contentOf = (content: Content): Html =>
  join(
    Object.entries(content).map(([mediaType, { schema, example }]) => {
      const about = typeof schema['description'] === 'string' ? html`: ${prose(schema['description'])}` : html``
      const shown =
        example === undefined
          ? html``
          : html`<pre>${typeof example === 'string' ? example : JSON.stringify(example, undefined, 2)}</pre>`
      return html`<div><code>${mediaType}</code>${about}${shown}</div>`
    }),
  )

/** A command that asks for the operation with the examples of its parameters. */
const curlLine = ({ method, path, secured, parameters = [], body }: Operation): string => {
  const filled = parameters
    .filter((parameter) => parameter.in === 'path')
    .reduce((text, { name, example }) => text.replace(`{${name}}`, String(example)), path)
  const query = parameters
    .filter((parameter) => parameter.in === 'query' && parameter.required)
    .map(({ name, example }) => `${name}=${encodeURIComponent(String(example))}`)
    .join('&')
  const [type] = Object.keys(body?.content ?? {})
  const token = secured === true ? ` -H "Authorization: Bearer $TOKEN"` : ''
  const data = type === undefined ? '' : ` -H "Content-Type: ${type}" --data-binary @file`
  return `curl${method === 'post' ? token + data : ''} "$LOG${filled}${query === '' ? '' : `?${query}`}"`
}

/** A sentence in which `backticks` mark code. */
const prose = (text: string): Html => new Html(escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>'))

const page = (title: string, content: Html): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title><style>${new Html(STYLE)}</style></head><body>
${content}
</body></html>
`.text
