/** The recorder over a real log: chains, payloads, replays and gaps. */
import { describe, expect, it } from 'vitest'
import type { Recordable } from '../../src/audit/make-entry.ts'
import type { Recorded } from '../../src/audit/recorder.ts'
import { AUDIT_STORE, payloadRow, TABLE_ROW } from '../../src/audit/records.ts'
import { verifyEventFile } from '../../src/client/event-receipt.ts'
import { formatEventFile } from '../../src/event/event-file.ts'
import { type Group, joinGroups } from '../../src/event/groups.ts'
import { parseLeaf } from '../../src/event/leaf.ts'
import type { JsonObject } from '../../src/event/strict-json.ts'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { decodeUtf8 } from '../../src/primitives/bytes.ts'
import { type MemoryAudit, memoryAudit, roleAssigned } from '../support/memory-audit.ts'

const from = (source: string, ...ids: readonly string[]): readonly Recordable[] =>
  ids.map((id) => ({ source, event: roleAssigned(id) }))

const indicesOf = (items: readonly Recorded[]): readonly (number | undefined)[] =>
  items.map((item) => (item.kind === 'too large' ? undefined : item.index))

const leavesOf = async ({ log }: MemoryAudit) =>
  (await log.reader.entries(0, log.reader.published.size)).map((entry) => ({
    ...parseLeaf(entry),
    leafHash: hashLeaf(entry),
  }))

describe('recording', () => {
  it('[EVENT-6] puts an event in the tree, and its payload beside it', async () => {
    await using audit = await memoryAudit()
    const { items } = await audit.recorder.record(from('okta', 'a'))
    expect(items).toMatchObject([{ kind: 'recorded', index: 0, isDuplicate: false }])
    const { leaf, openings, absent } = await audit.events.read(0)
    expect(leaf).toMatchObject({ origin: 'audit.example/log', source: 'okta', number: 1, action: 'user.role.assign' })
    const values = Object.fromEntries(
      Object.entries(openings).map(([group, { value }]) => [group as Group, JSON.parse(decodeUtf8(value))]),
    )
    const { action, outcome, ...rest } = roleAssigned('a')
    expect({ action, outcome, ...joinGroups(values) }).toEqual({ action, outcome, ...rest })
    expect(absent).toEqual([])
  })

  it('[ENTRY-4] leaves nothing of the payload in the tree, the database or the keys in clear, but names among the keys', async () => {
    await using audit = await memoryAudit()
    await audit.recorder.record([
      { source: 'okta', event: roleAssigned('a'), raw: new TextEncoder().encode('raw jdoe') },
    ])
    const [entry = new Uint8Array()] = await audit.log.reader.entries(0, 1)
    const row = await audit.storage.keyValue(AUDIT_STORE).get(payloadRow(0))
    for (const secret of ['u_42', 'jdoe', '192.0.2.7', 'CHG-1881', 'acme', 's_9']) {
      expect(Buffer.from(entry).includes(secret)).toBe(false)
      expect(Buffer.from(row ?? entry).includes(secret)).toBe(false)
    }
  })

  it('[ENTRY-2] chains the entries of each source', async () => {
    await using audit = await memoryAudit()
    await Promise.all([
      audit.recorder.record(from('okta', 'a', 'b')),
      audit.recorder.record(from('k8s', 'a')),
      audit.recorder.record(from('okta', 'c')),
    ])
    await audit.recorder.record(from('k8s', 'b'))
    const leaves = await leavesOf(audit)
    for (const source of ['okta', 'k8s']) {
      const chain = leaves.filter((leaf) => leaf.source === source)
      expect(chain.map(({ number }) => number)).toEqual(chain.map((_, i) => i + 1))
      expect(chain.map(({ previous }) => previous)).toEqual(
        [undefined, ...chain.map(({ leafHash }) => leafHash)].slice(0, -1),
      )
    }
  })

  it('[ENTRY-3] gives a subject one handle in a tenant, another in the next, and the anonymous one each time', async () => {
    await using audit = await memoryAudit()
    const nobody = { actor: { type: 'anonymous' } }
    await audit.recorder.record([
      { source: 's', event: roleAssigned('a') },
      { source: 's', event: roleAssigned('b', { actor: { type: 'user', id: 'u_1' } }) },
      { source: 's', event: roleAssigned('c', { tenant: 'other' }) },
      { source: 's', event: roleAssigned('d', nobody) },
      { source: 's', event: roleAssigned('e', nobody) },
    ])
    const again = await audit.again()
    await again.recorder.record([{ source: 's', event: roleAssigned('f') }])
    const handles = (await leavesOf(audit)).map((leaf) => Buffer.from(leaf.handles.actor ?? []).toString('hex'))
    expect(new Set(handles).size).toBe(4)
    expect([handles[1], handles[5]]).toEqual([handles[0], handles[0]])
  })

  it('[EVENT-5] answers a replay with the first index, also in one request and after a restart', async () => {
    await using audit = await memoryAudit()
    expect(indicesOf((await audit.recorder.record(from('okta', 'a', 'b', 'a'))).items)).toEqual([0, 1, 0])
    const again = await audit.again()
    const { items } = await again.recorder.record(from('okta', 'b', 'c', 'a'))
    expect(indicesOf(items)).toEqual([1, 2, 0])
    expect(items.map((item) => item.kind === 'recorded' && item.isDuplicate)).toEqual([true, false, true])
    expect(indicesOf((await again.recorder.record(from('k8s', 'a'))).items)).toEqual([3])
    expect(audit.log.reader.published.size).toBe(4)
  })

  it('[EVENT-5] refuses another event under an id that is taken', async () => {
    await using audit = await memoryAudit()
    await audit.recorder.record(from('okta', 'a'))
    const other = { source: 'okta', event: roleAssigned('a', { reason: 'other' }) }
    const twice = [
      { source: 'okta', event: roleAssigned('b') },
      { source: 'okta', event: roleAssigned('b', { msg: 'other' }) },
    ]
    const { items } = await audit.recorder.record([other, ...twice])
    expect(items.map((item) => [item.kind, indicesOf([item])[0]])).toEqual([
      ['conflict', 0],
      ['recorded', 1],
      ['conflict', undefined],
    ])
  })

  it('[EVENT-8] says which numbers a source left out, once, and takes them when they come late', async () => {
    await using audit = await memoryAudit()
    const numbered = (n: number): Recordable => ({ source: 'agent', event: roleAssigned(`e${n}`, { n }) })
    const { items } = await audit.recorder.record([numbered(1), numbered(4), numbered(3)])
    expect(indicesOf(items)).toEqual([0, 2, 3])
    await audit.recorder.record([numbered(5), numbered(8)])
    const gaps = (await leavesOf(audit)).filter(({ action }) => action === 'source.gap')
    expect(gaps.map(({ source, number, particulars }) => ({ source, number, particulars }))).toEqual([
      { source: 'treehead', number: 1, particulars: { source: 'agent', from: 2, to: 3 } },
      { source: 'treehead', number: 2, particulars: { source: 'agent', from: 6, to: 7 } },
    ])
  })

  it('takes no event over 1 MiB, and those that came with it all the same', async () => {
    await using audit = await memoryAudit()
    const raw = new Uint8Array(2 ** 20)
    const [small, other] = from('okta', 'a', 'b')
    const { items } = await audit.recorder.record([small, { ...from('okta', 'large')[0], raw }, other] as Recordable[])
    expect(items.map(({ kind }) => kind)).toEqual(['recorded', 'too large', 'recorded'])
    const leaves = await leavesOf(audit)
    expect(leaves.map(({ number }) => number)).toEqual([1, 2])
    expect(leaves.every(({ payloadSize }) => payloadSize % 256 === 0)).toBe(true)
  })

  it('[EVENT-8] tells the gaps of sources apart whose names begin alike', async () => {
    await using audit = await memoryAudit()
    const name = 'a-name-that-is-longer-than-forty-characters-'
    for (const source of [`${name}1`, `${name}2`])
      await audit.recorder.record([{ source, event: roleAssigned('e', { n: 3 }) }])
    expect((await leavesOf(audit)).filter(({ action }) => action === 'source.gap')).toHaveLength(2)
  })

  it('tells of what was appended in the order of the indices', async () => {
    await using audit = await memoryAudit()
    await Promise.all(['a', 'b', 'c'].map((id) => audit.recorder.record(from('okta', id))))
    expect(audit.appended.map(({ index, event }) => [index, event.id])).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ])
  })
})

it('is not opened over events without what was kept beside them', async () => {
  await using audit = await memoryAudit()
  await audit.recorder.record(from('okta', 'a'))
  await using other = await memoryAudit()
  const [event] = await audit.log.reader.entries(0, 1)
  await other.log.sequencer.append([new TextEncoder().encode('raw'), event ?? new Uint8Array(1)])
  await other.storage.keyValue(AUDIT_STORE).write([{ key: TABLE_ROW, value: undefined }])
  await expect(other.again()).rejects.toMatchObject({ reason: 'events_lost' })
})

describe('[PAYLOAD-3] a payload that is not what its entry commits to', () => {
  it.each([
    ['a bit flipped', (row: Uint8Array) => row.map((byte, i) => (i === 40 ? byte ^ 1 : byte)), 'does not open'],
    ['that of another entry', undefined, 'does not open'],
    ['cut off', (row: Uint8Array) => row.slice(0, -1), 'is cut off'],
    ['of another version', (row: Uint8Array) => row.with(0, 9), 'another version'],
  ])('is never shown: %s', async (_, change, message) => {
    await using audit = await memoryAudit()
    await audit.recorder.record(from('okta', 'a', 'b'))
    const store = audit.storage.keyValue(AUDIT_STORE)
    const row = (await store.get(payloadRow(change === undefined ? 1 : 0))) ?? new Uint8Array()
    await store.write([{ key: payloadRow(0), value: change === undefined ? row : change(row) }])
    await expect(audit.events.read(0)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining(message),
    })
  })

  it('[PAYLOAD-2] is absent without its key', async () => {
    await using audit = await memoryAudit()
    await audit.recorder.record(from('okta', 'a'))
    const { leaf } = await audit.events.read(0)
    await audit.keys.write([{ key: Uint8Array.of(0x68, ...(leaf.handles.actor ?? [])), value: undefined }])
    const { openings, absent } = await audit.events.read(0)
    expect(Object.keys(openings)).toEqual(['target', 'with', 'before', 'after'])
    expect(absent).toEqual(['actor', 'source', 'text', 'meta'])
  })
})

describe('[ENTRY-8] an event file', () => {
  it('verifies however deep an event may be', async () => {
    await using audit = await memoryAudit()
    const deep = JSON.parse(`${'{"a":'.repeat(30)}1${'}'.repeat(30)}`) as JsonObject
    await audit.recorder.record([{ source: 'okta', event: roleAssigned('deep', { before: deep }) }])
    const { bytes: leaf, openings } = await audit.events.read(0)
    const groups = Object.fromEntries(
      Object.entries(openings).map(([group, opening]) => [group, { kind: 'shown', opening } as const]),
    )
    const file = formatEventFile({ leaf, proof: await audit.log.reader.proofFile(0), groups })
    expect(verifyEventFile(file, { vkey: audit.vkey })).toMatchObject({ verdict: 'valid', event: { before: deep } })
  })

  it('is valid, withheld or missing, by what it shows', async () => {
    await using audit = await memoryAudit()
    await audit.recorder.record(from('okta', 'a', 'b'))
    const { bytes: leaf, openings } = await audit.events.read(1)
    const proof = await audit.log.reader.proofFile(1)
    const all = Object.fromEntries(
      Object.entries(openings).map(([group, opening]) => [group, { kind: 'shown', opening } as const]),
    )
    const verify = (groups: typeof all | Readonly<Record<string, { kind: 'withheld' }>>) =>
      verifyEventFile(formatEventFile({ leaf, proof, groups }), { vkey: audit.vkey })
    const { verdict, event } = verify(all)
    expect(verdict).toBe('valid')
    expect(event).toEqual(roleAssigned('b'))
    expect(verify({ ...all, actor: { kind: 'withheld' } } as never)).toMatchObject({
      verdict: 'withheld',
      withheld: ['actor'],
    })
    const { actor: _, ...rest } = all
    expect(verify(rest as never)).toMatchObject({ verdict: 'missing', missing: ['actor'] })
    const other = { ...all, actor: { kind: 'shown', opening: { ...openings.target, salt: openings.actor?.salt } } }
    expect(() => verify(other as never)).toThrow('actor is not what the entry commits to')
  })
})
