/** The API description says what the service does: no route more or less, in a form that OpenAPI's readers take. */

import { createHash, generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { askAnyone } from '../../../src/http/access.ts'
import { createApp } from '../../../src/http/app.ts'
import { ctApp } from '../../../src/http/ct-app.ts'
import { eventsApp } from '../../../src/http/events-app.ts'
import { createHealth } from '../../../src/http/health.ts'
import { ingestApp } from '../../../src/http/ingest-app.ts'
import { createMetrics } from '../../../src/http/metrics.ts'
import { docsApp, docsPage, landingPage } from '../../../src/http/openapi/docs-page.ts'
import { allOperations, openApiDocument } from '../../../src/http/openapi/document.ts'
import { escapeHtml, html } from '../../../src/http/openapi/html.ts'
import type { Operation } from '../../../src/http/openapi/operation.ts'
import { operationApp } from '../../../src/http/operation-app.ts'
import { searchApp } from '../../../src/http/search-app.ts'
import { entries } from '../../support/log.ts'
import { memoryAudit, roleAssigned } from '../../support/memory-audit.ts'

/** Everything that `treehead serve` puts together, over a log in memory with three entries. */
const wholeApp = async (): Promise<ReturnType<typeof createApp>> => {
  const audit = await memoryAudit()
  const { log } = audit
  await log.sequencer.append(entries(3))
  await audit.recorder.record([{ source: 'okta', event: roleAssigned('01K0AV6Y7N1') }])
  const { sequencer, reader } = log
  const clock = (): number => 1_700_000_000_000
  const health = createHealth({
    sequencer,
    diskRefusal: () => undefined,
    clock,
    now: () => 0,
    maxPoolEntries: 10,
    stallMs: 1_000,
  })
  const metrics = createMetrics({ reader, sequencer, health, clock, freeBytes: () => 1, version: 'test' })
  const treeHeadKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  return createApp({
    log,
    ask: askAnyone,
    maxBatchEntries: 16,
    maxBatchBytes: 1_000,
    parts: [
      ctApp({ reader, treeHeadKey }),
      operationApp({ reader, health, metrics }),
      searchApp({
        search: () => audit.search,
        readMany: (indices) => audit.events.readMany(indices),
        ask: askAnyone,
        viewed: async () => {},
      }),
      eventsApp({ recorder: audit.recorder, events: audit.events, reader, ask: askAnyone, viewed: async () => {} }),
      ingestApp({ recorder: audit.recorder, ask: askAnyone, clock }),
      docsApp({ reader, origin: log.origin, vkey: audit.vkey, version: 'test' }),
    ],
    report: () => {},
  })
}

/** The path of an operation with the examples of its required parameters filled in. */
const examplePath = ({ path, parameters = [] }: Operation): string => {
  const filled = parameters
    .filter((parameter) => parameter.in === 'path')
    .reduce((text, { name, example }) => text.replace(`{${name}}`, String(example)), path)
  const query = parameters
    .filter((parameter) => parameter.in === 'query' && parameter.required)
    .map(({ name, example }) => `${name}=${encodeURIComponent(String(example))}`)
  return query.length === 0 ? filled : `${filled}?${query.join('&')}`
}

describe('the API description', () => {
  let app: Awaited<ReturnType<typeof wholeApp>>
  beforeAll(async () => {
    app = await wholeApp()
  })

  it('has every route of the service, and no other', () => {
    const registered = app.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/*')
      .map(({ method, path }) => `${method} ${path}`)
    const described = allOperations.map(({ method, route }) => `${method.toUpperCase()} ${route}`)
    expect(new Set(registered)).toEqual(new Set(described))
  })

  it('is served as it is made', async () => {
    const response = await app.request('http://log.test/openapi.json')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument({ version: 'test' }))))
  })

  it.each(allOperations)('$operationId is a whole operation', (operation) => {
    const { path, parameters = [], responses, tag, operationId, secured } = operation
    const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name)
    expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(inPath)
    for (const { in: place, required, example, description } of parameters) {
      expect(description).toMatch(/\.$/)
      if (place === 'path') expect(required).toBe(true)
      if (required) expect(example).toBeDefined()
    }
    expect(allOperations.filter((other) => other.operationId === operationId)).toHaveLength(1)
    expect(allOperations.filter((other) => other.path === path && other.method === operation.method)).toHaveLength(1)
    expect(openApiDocument({ version: '1' }).tags.map(({ name }) => name)).toContain(tag)
    expect(Object.keys(responses).some((status) => status.startsWith('2'))).toBe(true)
    for (const [status, { description, content = {} }] of Object.entries(responses)) {
      expect(status).toMatch(/^[1-5][0-9]{2}$/)
      expect(description).toMatch(/\.$/)
      for (const { schema } of Object.values(content)) expect(schema).toBeTypeOf('object')
    }
    expect(secured === true).toBe('401' in responses)
  })

  it.each(allOperations.filter(({ method }) => method === 'get'))(
    '$operationId works as its examples say',
    async (operation) => {
      const headers = (operation.parameters ?? [])
        .filter(({ in: place, required }) => place === 'header' && required)
        .map(({ name, example }): [string, string] => [name, String(example)])
      const response = await app.request(`http://log.test${examplePath(operation)}`, { headers })
      const { responses } = operation
      // The hashes of examples are of no entry here.
      const want = /hash=|\/leaf\//.test(examplePath(operation)) ? 404 : 200
      expect(response.status).toBe(want)
      const type = response.headers.get('content-type')?.split(';')[0]
      expect(Object.keys(responses[String(want)]?.content ?? {})).toContain(type)
      if (type !== 'application/json') return
      const schema = responses['200']?.content?.[type]?.schema
      if (want === 200 && operation.operationId !== 'openapi')
        expect(Object.keys((await response.json()) as object).sort()).toEqual(
          [...((schema?.['required'] ?? []) as string[])].sort(),
        )
    },
  )

  it('is an OpenAPI 3.1 document as far as its structure goes', () => {
    const { openapi, info, paths, components } = JSON.parse(JSON.stringify(openApiDocument({ version: '1.2.3' })))
    expect(openapi).toBe('3.1.0')
    expect(info).toMatchObject({ title: 'Treehead', version: '1.2.3' })
    const schemes = Object.keys(components.securitySchemes)
    for (const [path, item] of Object.entries<Record<string, Record<string, unknown>>>(paths)) {
      expect(path).toMatch(/^\/[^?#]*$/)
      for (const [method, operation] of Object.entries(item)) {
        expect(['get', 'post']).toContain(method)
        expect(Object.keys(operation).sort()).toEqual(
          expect.arrayContaining(['description', 'operationId', 'responses', 'security', 'summary', 'tags']),
        )
        for (const requirement of operation['security'] as Record<string, unknown>[])
          for (const name of Object.keys(requirement)) expect(schemes).toContain(name)
        expect(operation['requestBody'] === undefined).toBe(method === 'get')
      }
    }
  })
})

describe('the pages', () => {
  const HOSTILE = `<script>alert("1")</script>'&\`<img src=x onerror=alert(1)>\``
  const evil: Operation = {
    route: '/x',
    path: `/x/{${HOSTILE}}`,
    method: 'post',
    operationId: HOSTILE,
    tag: 'Append',
    summary: HOSTILE,
    description: HOSTILE,
    secured: true,
    parameters: [
      {
        name: HOSTILE,
        in: 'path',
        required: true,
        description: HOSTILE,
        schema: { pattern: HOSTILE },
        example: HOSTILE,
      },
    ],
    body: { description: HOSTILE, content: { [HOSTILE]: { schema: { description: HOSTILE }, example: HOSTILE } } },
    responses: {
      200: { description: HOSTILE, content: { [HOSTILE]: { schema: {}, example: { [HOSTILE]: HOSTILE } } } },
      400: { description: HOSTILE, content: { [HOSTILE]: { schema: {}, example: HOSTILE } } },
    },
  }

  it.each([
    ['/docs', docsPage([evil], HOSTILE)],
    ['/', landingPage({ origin: HOSTILE, vkey: HOSTILE, version: HOSTILE, size: 1, time: 0, checkpoint: HOSTILE })],
  ])('%s escapes whatever is in it', (_, page) => {
    expect(page).not.toMatch(/<script|<img/)
    expect(page).toContain('&lt;script&gt;')
    const tags = new Set([...page.matchAll(/<\/?([^\s>]+)/g)].map(([, name]) => name))
    const known =
      '!doctype html head meta title style body h1 h2 h3 h4 p dl dt dd a pre code section table tr td th div details summary strong span small br'
    expect([...tags].filter((name) => !known.split(' ').includes(name ?? ''))).toEqual([])
    // A quote of the input must not end an attribute.
    expect(page).not.toMatch(/="[^"]*&(?!amp;|lt;|gt;|quot;|#39;)[^"]*"/)
  })

  it.each(['/', '/docs'])('%s needs no script and nothing from elsewhere, and its policy says so', async (path) => {
    const response = await (await wholeApp()).request(`http://log.test${path}`)
    const page = await response.text()
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'/,
    )
    const style = /<style>([^<]*)<\/style>/.exec(page)?.[1] ?? ''
    expect(policy).toContain(createHash('sha256').update(style).digest('base64'))
    expect(page.match(/<style/g)).toHaveLength(1)
    expect(page).not.toMatch(/<script|<link|<img|<iframe|style="|\son[a-z]+=|src=|@import|url\(|https?:\/\//i)
    for (const [, href] of page.matchAll(/href="([^"]*)"/g)) {
      expect(href).toMatch(/^\/[a-z.]*$/)
      expect((await (await wholeApp()).request(`http://log.test${href}`)).status).toBe(200)
    }
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
  })

  it('a template escapes its values, and HTML is not escaped twice', () => {
    expect(escapeHtml(`<>&"'`)).toBe('&lt;&gt;&amp;&quot;&#39;')
    expect(html`<b>${'<i>'}${html`<u>${'&'}</u>`}${3}</b>`.text).toBe('<b>&lt;i&gt;<u>&amp;</u>3</b>')
  })
})
