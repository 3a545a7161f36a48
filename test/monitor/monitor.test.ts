/** A monitor over logs in memory, honest and lying: what it verifies, what it remembers, and which alarms it raises. */
import { describe, expect, it } from 'vitest'
import { httpResources, type InconsistentError, type Trust, verifyInconsistency } from '../../src/client/index.ts'
import type { Alarm } from '../../src/monitor/alarms.ts'
import { Monitor, type MonitorParts } from '../../src/monitor/monitor.ts'
import { formatMonitorState, type MonitorState, parseMonitorState } from '../../src/monitor/monitor-state.ts'
import { CHUNK_ENTRIES, MAX_DAMAGED } from '../../src/monitor/verify-data.ts'
import { COSIGNATURE_V1, ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { formatNote, parseNote, signNote } from '../../src/note/note.ts'
import { TlogError } from '../../src/primitives/error.ts'
import { formatEntryBundle, parseEntryBundle } from '../../src/tlog/entry-bundle.ts'
import { parsePolicy } from '../../src/tlog/policy.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { LOG_URL, logFetch } from '../support/log-fetch.ts'
import { type MemoryLog, memoryLog, numbered } from '../support/memory-log.ts'

const START = 1_767_225_600_000
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const logKey = signerKey('log.example/test', ED25519, seed(1))
const witnesses = [2, 3].map((n) => signerKey(`witness.example/${n}`, COSIGNATURE_V1, seed(n)))
const policy = parsePolicy(
  `log ${formatVerifierKey(logKey)}\n${witnesses.map((key, i) => `witness w${i} ${formatVerifierKey(key)}\n`).join('')}group both all w0 w1\nquorum both\n`,
)

type Answer = (path: string) => Promise<Uint8Array | undefined> | Uint8Array | undefined

/** A monitor with everything it touches in the hands of the test. */
const setUp = async (more: Partial<MonitorParts> = {}) => {
  const world = {
    /** Answers in place of the log, where it answers something. */
    lie: (() => undefined) as Answer,
    log: undefined as MemoryLog | undefined,
    now: START,
    isDown: false,
    asked: [] as string[],
    said: [] as string[],
    forks: [] as InconsistentError[],
    heard: [] as Uint8Array[],
    kept: undefined as string | undefined,
    saves: 0,
  }
  const made = await memoryLog()
  world.log = made
  const fetch: typeof globalThis.fetch = async (input, init) => {
    if (world.isDown) throw new TypeError('connection refused')
    const path = new URL(String(input)).pathname.slice(1)
    world.asked.push(path)
    const lie = await world.lie(path)
    if (lie !== undefined)
      return lie.length === 0 ? new Response('', { status: 404 }) : new Response(Uint8Array.from(lie))
    return logFetch(world.log ?? made)(input, init)
  }
  const nameOf = ({ kind, subject }: Alarm): string => `${kind}${subject === undefined ? '' : ` ${subject}`}`
  const parts: MonitorParts = {
    resources: httpResources({ url: LOG_URL, fetch, maxAttempts: 1 }),
    trust: { vkey: made.vkey },
    store: {
      load: async () => (world.kept === undefined ? undefined : parseMonitorState(world.kept)),
      save: async (state: MonitorState) => {
        world.saves++
        world.kept = formatMonitorState(state)
      },
    },
    clock: () => world.now,
    maxAge: 600,
    announce: async ({ change, alarm }) => void world.said.push(`${change === 'raised' ? '+' : '-'}${nameOf(alarm)}`),
    keepEvidence: async (fork) => void world.forks.push(fork),
    hear: async (bytes) => void world.heard.push(bytes),
    recheckMs: 1_000,
    ...more,
  }
  const open = (): Promise<Monitor> => Monitor.open(parts)
  /** Looks until all is verified; answers what was said meanwhile. */
  const look = async (monitor: Monitor): Promise<readonly string[]> => {
    const from = world.said.length
    world.asked = []
    world.now += 1_000
    for (let report = await monitor.look(); !report.isComplete && !report.unreachable; report = await monitor.look()) {}
    return world.said.slice(from)
  }
  return { world, made, open, look, parts }
}

const flipped = (bytes: Uint8Array, at = bytes.length - 1): Uint8Array =>
  bytes.map((byte, i) => (i === at ? 255 - byte : byte))

/** The log's own answer. */
const truth = async (made: MemoryLog, path: string): Promise<Uint8Array> => {
  const response = await logFetch(made)(`${LOG_URL}/${path}`)
  return new Uint8Array(await response.arrayBuffer())
}

describe('[MONITOR-1] what is verified', () => {
  it('is every entry, every full tile and the partial tiles, over the sizes around tiles', async () => {
    const { world, made, open, look } = await setUp()
    const monitor = await open()
    expect(await look(monitor)).toEqual([])
    for (const size of [1, 255, 256, 257, 700, 65_536 + 300]) {
      await made.append(numbered(monitor.status.verified, size))
      const before = monitor.status.verified
      expect(await look(monitor)).toEqual([])
      expect(monitor.status).toMatchObject({ size, verified: size, unreachable: undefined })
      const bundles = world.asked.filter((path) => path.startsWith('tile/entries/'))
      const wanted = Math.ceil(size / 256) - Math.floor(before / 256)
      expect(new Set(bundles).size).toBe(wanted)
    }
    // Each of the new tiles, partial and full, of each level.
    expect(world.asked).toEqual(
      expect.arrayContaining(['tile/0/257.p/44', 'tile/1/000', 'tile/1/001.p/1', 'tile/2/000.p/1']),
    )
  })

  it('goes on after a restart where it stopped, and reads no entry twice', async () => {
    const { world, made, open, look } = await setUp()
    await made.append(numbered(0, 1_000))
    await look(await open())
    const again = await open()
    expect(again.status.verified).toBe(1_000)
    await look(again)
    expect(world.asked.filter((path) => path.startsWith('tile/entries/'))).toEqual([])
    await made.append(numbered(1_000, 1_300))
    expect(await look(again)).toEqual([])
    expect(new Set(world.asked.filter((path) => path.startsWith('tile/entries/')))).toEqual(
      new Set(['tile/entries/003', 'tile/entries/004', 'tile/entries/005.p/20']),
    )
  })

  it('saves its position after each chunk, so that an interrupted first reading is not lost', async () => {
    const { world, made, open } = await setUp()
    await made.append(numbered(0, 2 * CHUNK_ENTRIES + 5))
    const monitor = await open()
    let crashed = ''
    world.lie = (path) => {
      if (path !== 'tile/entries/300') return undefined
      // As a crash here would leave it.
      crashed = world.kept ?? ''
      world.isDown = true
      throw new TypeError('connection reset')
    }
    const report = await monitor.look()
    expect([report.unreachable?.code, report.isComplete, report.alarms]).toEqual(['io', false, []])
    expect(parseMonitorState(crashed).data.verified).toBe(CHUNK_ENTRIES)
    expect(parseMonitorState(world.kept!).data).toEqual({ verified: CHUNK_ENTRIES, damaged: [] })
    world.isDown = false
    world.lie = () => undefined
    const again = await open()
    world.asked = []
    expect(await again.look()).toMatchObject({ isComplete: true, alarms: [] })
    expect(world.asked).not.toContain('tile/entries/000')
    expect(again.status.verified).toBe(2 * CHUNK_ENTRIES + 5)
  })

  const damages: readonly (readonly [string, string, (bytes: Uint8Array) => Uint8Array, RegExp])[] = [
    ['another entry', 'tile/entries/001', (b) => changeEntry(b, 44), /^entry 300: does not match its leaf hash$/],
    ['an entry of the right edge', 'tile/entries/002.p/188', (b) => changeEntry(b, 187), /^entry 699: /],
    [
      'a tile of leaf hashes',
      'tile/0/001',
      (b) => flipped(b),
      /^tile tile\/0\/001: hash 255 is not that of its entry$/,
    ],
    ['a bundle that is gone', 'tile/entries/000', () => new Uint8Array(0), /^entry 255: /],
    ['a tile that is gone', 'tile/0/000', () => new Uint8Array(0), /^tile tile\/0\/000: /],
    ['a bundle that is no bundle', 'tile/entries/001', (b) => b.slice(1), /^entry \d+: /],
  ]
  const changeEntry = (bundle: Uint8Array, at: number): Uint8Array =>
    formatEntryBundle(parseEntryBundle(bundle, 256).map((entry, i) => (i === at ? flipped(entry) : entry)))

  it.each(damages)(
    '%s is an alarm that names the first bad place, until it is mended',
    async (_, bad, change, detail) => {
      const { world, made, open, look } = await setUp()
      await made.append(numbered(0, 700))
      world.lie = async (path) => (path === bad ? change(await truth(made, path)) : undefined)
      const monitor = await open()
      expect(await look(monitor)).toEqual(['+bad_data entries from 0'])
      expect(monitor.status.alarms.active[0]?.detail).toMatch(detail)
      expect(await look(monitor)).toEqual([])
      // Over a restart as well.
      const again = await open()
      expect(await look(again)).toEqual([])
      world.lie = () => undefined
      expect(await look(again)).toEqual(['-bad_data entries from 0'])
    },
  )

  it.each([
    ['of the right edge', 'tile/0/002.p/188'],
    ['above it', 'tile/1/000.p/2'],
  ])('a partial tile %s that is wrong is an alarm of the edge', async (_, bad) => {
    const { world, made, open, look } = await setUp()
    await made.append(numbered(0, 700))
    world.lie = async (path) => (path === bad ? flipped(await truth(made, path)) : undefined)
    const monitor = await open()
    expect(await look(monitor)).toEqual(['+bad_data edge'])
    world.lie = () => undefined
    expect(await look(monitor)).toEqual(['-bad_data edge'])
    expect(monitor.status.verified).toBe(700)
  })

  it('a full tile of a higher level is compared when it is complete', async () => {
    const { world, made, open, look } = await setUp()
    const monitor = await open()
    await made.append(numbered(0, CHUNK_ENTRIES - 3))
    expect(await look(monitor)).toEqual([])
    await made.append(numbered(CHUNK_ENTRIES - 3, CHUNK_ENTRIES + 3))
    world.lie = async (path) => (path === 'tile/1/000' ? flipped(await truth(made, path), 5) : undefined)
    const said = await look(monitor)
    expect(said.length).toBeGreaterThan(0)
    for (const line of said) expect(line).toMatch(/^\+bad_data /)
    world.lie = () => undefined
    await look(monitor)
    expect(monitor.status.alarms.active).toEqual([])
  })
})

describe('[MONITOR-7] damage', () => {
  it('in one chunk does not keep it from the others, and is looked at again in its time', async () => {
    const { world, made, open, look } = await setUp({ recheckMs: 60_000 })
    await made.append(numbered(0, CHUNK_ENTRIES + 500))
    const bad = new Set(['tile/entries/000', 'tile/entries/256'])
    world.lie = (path) => (bad.has(path) ? new Uint8Array(0) : undefined)
    const monitor = await open()
    expect(await look(monitor)).toEqual(['+bad_data entries from 0', `+bad_data entries from ${CHUNK_ENTRIES}`])
    await made.append(numbered(CHUNK_ENTRIES + 500, CHUNK_ENTRIES + 600))
    await look(monitor)
    expect(monitor.status.verified).toBe(CHUNK_ENTRIES + 600)
    bad.delete('tile/entries/000')
    // Not yet.
    expect(await look(monitor)).toEqual([])
    expect(world.asked).not.toContain('tile/entries/000')
    world.now += 60_000
    expect(await look(monitor)).toEqual(['-bad_data entries from 0'])
    bad.clear()
    world.now += 60_000
    expect(await look(monitor)).toEqual([`-bad_data entries from ${CHUNK_ENTRIES}`])
  })

  it('in too many chunks stops it there, without a loop', async () => {
    const { world, made, open } = await setUp()
    await made.append(numbered(0, 10))
    world.lie = (path) => (path.startsWith('tile/entries/') ? new Uint8Array(0) : undefined)
    const damaged = Array.from({ length: MAX_DAMAGED }, (_, i) => ({ chunk: 1_000 + i, detail: 'gone' }))
    const alarms = { active: [], startedAt: START, progressAt: START, witnessTimes: {} }
    world.kept = formatMonitorState({ origin: made.origin, data: { verified: 0, damaged }, alarms })
    const monitor = await open()
    expect(await monitor.look()).toMatchObject({ isComplete: true })
    expect(monitor.status.verified).toBe(0)
    expect(monitor.status.alarms.active).toHaveLength(MAX_DAMAGED)
    world.lie = () => undefined
    world.now += 1_000
    expect(await monitor.look()).toMatchObject({ isComplete: true, alarms: [] })
    expect(monitor.status.verified).toBe(10)
  })
})

describe('[MONITOR-5] a fork', () => {
  const forked = async (shared: number, sizes: readonly [number, number], more: Partial<MonitorParts> = {}) => {
    const all = await setUp(more)
    const other = await memoryLog()
    await all.made.append(numbered(0, sizes[0]))
    await other.append(numbered(0, shared))
    await other.append(numbered(shared, sizes[1], 'other'))
    return { ...all, other }
  }

  it.each([
    ['a larger tree', [700, 900]],
    ['one of the same size', [700, 700]],
    ['a smaller one', [900, 700]],
  ] as const)('to %s is kept as evidence, once, and stays', async (_, sizes) => {
    const { world, made, other, open, look } = await forked(300, [...sizes])
    const monitor = await open()
    await look(monitor)
    // The tiles of the larger tree come from whichever log has it.
    const larger = sizes[1] > sizes[0] ? other : made
    world.lie = async (path) =>
      path === 'checkpoint' ? other.checkpoint() : truth(larger, path).catch(() => undefined)
    const said = await look(monitor)
    expect(said).toEqual([expect.stringMatching(/^\+fork \d+-[0-9a-f]{16}-\d+-[0-9a-f]{16}$/)])
    expect(await look(monitor)).toEqual([])
    expect(world.forks).toHaveLength(1)
    verifyInconsistency(world.forks[0]!, { vkey: made.vkey })
    // Back to the first history, and over a restart: the alarm stays.
    world.lie = () => undefined
    await made.append(numbered(sizes[0], 1_000))
    const again = await open()
    expect(await look(again)).toEqual([])
    expect(again.status).toMatchObject({ size: 1_000, verified: 1_000, alarms: { active: [{ kind: 'fork' }] } })
    await again.acknowledge()
    expect(world.said.at(-1)).toBe(said[0]?.replace('+', '-'))
    expect((await open()).status.alarms.active).toEqual([])
  })

  it('is kept before it is announced', async () => {
    const order: string[] = []
    const { world, other, open, look } = await forked(0, [5, 6], {
      keepEvidence: async () => void order.push('kept'),
      announce: async () => void order.push('announced'),
    })
    const monitor = await open()
    await look(monitor)
    world.log = other
    await look(monitor)
    expect(order).toEqual(['kept', 'announced'])
  })

  it('that cannot be kept ends the monitor, and is found again by the next', async () => {
    const { world, other, open, look, parts } = await forked(0, [5, 6])
    await look(await open())
    world.log = other
    const failing = await Monitor.open({ ...parts, keepEvidence: () => Promise.reject(new Error('disk full')) })
    await expect(failing.look()).rejects.toThrow('disk full')
    expect(await look(await open())).toEqual([expect.stringMatching(/^\+fork /)])
  })

  it('found elsewhere is an alarm like every other', async () => {
    const { world, open } = await forked(0, [5, 6])
    const monitor = await open()
    await monitor.report({ kind: 'fork', subject: 'peer', detail: 'a peer has evidence' })
    await monitor.report({ kind: 'fork', subject: 'peer', detail: 'a peer has evidence' })
    expect(world.said).toEqual(['+fork peer'])
  })
})

describe('a log that goes back', () => {
  it('is an alarm, whether it shows that the heads agree or hides it, and is over when it is back', async () => {
    for (const hides of [false, true]) {
      const { world, made, open, look } = await setUp()
      const old = await memoryLog()
      await made.append(numbered(0, 700))
      await old.append(numbered(0, 300))
      const monitor = await open()
      await look(monitor)
      if (hides) world.log = old
      else world.lie = (path) => (path === 'checkpoint' ? old.checkpoint() : undefined)
      // A new monitor has no tiles in memory: it remembers the size.
      const again = await open()
      expect(await look(again), `hides: ${hides}`).toEqual(['+rollback'])
      expect(again.status.alarms.active[0]?.detail).toBe('the log serves size 300 after it has shown size 700')
      // Gossip does not get an old head with the tree of a newer one.
      expect(again.served).toBeUndefined()
      world.lie = () => undefined
      world.log = made
      expect(await look(again)).toEqual(['-rollback'])
    }
  })
})

describe('a head that is none', () => {
  it.each<[string, (made: MemoryLog) => Uint8Array]>([
    ['that is missing', () => new Uint8Array(0)],
    ['that is nonsense', () => new TextEncoder().encode('hello\n')],
    [
      'of another log',
      () => signNote('other.example\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n', [signerOf(logKey)]),
    ],
    [
      'by another key',
      (made) => signNote(parseNote(made.checkpoint()).text, [signerOf(signerKey(logKey.name, ED25519, seed(9)))]),
    ],
    ['with a bad signature', (made) => bend(made.checkpoint())],
  ])('%s is an alarm', async (_, make) => {
    const { world, made, open, look } = await setUp()
    await made.append(numbered(0, 3))
    world.lie = (path) => (path === 'checkpoint' ? make(made) : undefined)
    const monitor = await open()
    expect(await look(monitor)).toEqual(['+bad_head'])
    expect(world.heard).toEqual([])
    world.lie = () => undefined
    expect(await look(monitor)).toEqual(['-bad_head'])
  })

  const bend = (checkpoint: Uint8Array): Uint8Array => {
    const { text, signatures } = parseNote(checkpoint)
    return formatNote({ text, signatures: signatures.map((one) => ({ ...one, signature: flipped(one.signature) })) })
  }
})

describe('[MONITOR-2] witnesses', () => {
  const cosigned = (bytes: Uint8Array, ...times: readonly (number | undefined)[]): Uint8Array =>
    signNote(parseNote(bytes).text, [
      signerOf(logKey),
      ...times.flatMap((time, i) => (time === undefined ? [] : [signerOf(witnesses[i]!, { time })])),
    ])
  const withPolicy = async (trust: Trust = { policy }) => {
    const all = await setUp({ trust })
    const { world, made } = all
    await made.append(numbered(0, 300))
    const serve = (...times: readonly (number | undefined)[]): void => {
      world.lie = (path) => (path === 'checkpoint' ? cosigned(made.checkpoint(), ...times) : undefined)
    }
    return { ...all, serve, at: (ms: number): number => Math.floor(ms / 1_000) }
  }

  it('a quorum that is missing is an alarm, and the head is verified and held against the log all the same', async () => {
    const { world, made, serve, open, look, at } = await withPolicy()
    serve(at(START))
    const monitor = await open()
    expect(await look(monitor)).toEqual(['+no_quorum'])
    expect(monitor.status.alarms.active[0]?.detail).toBe('quorum is not met: 1 of 2 witnesses cosigned')
    expect(monitor.status.verified).toBe(300)
    serve(at(START), at(START))
    expect(await look(monitor)).toEqual(['-no_quorum'])
    // A fork that nobody cosigned.
    const other = await memoryLog()
    await other.append(numbered(0, 310, 'other'))
    world.lie = () => undefined
    world.log = other
    expect(await look(monitor)).toEqual([expect.stringMatching(/^\+fork /)])
    verifyInconsistency(world.forks[0]!, { vkey: made.vkey })
  })

  it('a cosignature that does not verify is an alarm', async () => {
    const { world, made, open, look, at } = await withPolicy()
    const { text, signatures } = parseNote(cosigned(made.checkpoint(), at(START), at(START)))
    const bent = signatures.map((one, i) => (i === 1 ? { ...one, signature: flipped(one.signature) } : one))
    world.lie = (path) => (path === 'checkpoint' ? formatNote({ text, signatures: bent }) : undefined)
    const monitor = await open()
    expect(await look(monitor)).toEqual(['+no_quorum'])
    expect(monitor.status.alarms.active[0]?.detail).toMatch(/^bad_signature: /)
  })

  it('that fall silent make the log stale, though it answers; times from the future do not keep it fresh', async () => {
    const { world, serve, open, look, at } = await withPolicy()
    serve(at(START), at(START))
    const monitor = await open()
    expect(await look(monitor)).toEqual([])
    world.now = START + 601_000
    expect(await look(monitor)).toEqual(['+stale'])
    serve(at(world.now) + 3_600, at(world.now) + 3_600)
    expect(await look(monitor)).toEqual([])
    serve(at(world.now) + 30, at(world.now))
    expect((await look(monitor))[0]).toBe('-stale')
  })

  it('whose clock goes back are an alarm, each under its name, over a restart too', async () => {
    const { made, serve, open, look, at } = await withPolicy()
    serve(at(START), at(START))
    await look(await open())
    await made.append(numbered(300, 310))
    serve(at(START), at(START) - 1)
    const monitor = await open()
    expect(await look(monitor)).toEqual(['+clock w1'])
    serve(at(START) + 1, at(START))
    expect(await look(monitor)).toEqual(['-clock w1'])
  })

  it('are not asked for by a policy without a quorum, but their clocks count', async () => {
    const { serve, open, look, at } = await withPolicy({ policy: { ...policy, quorum: 'none' } })
    serve(at(START))
    const monitor = await open()
    expect(await look(monitor)).toEqual([])
    serve(at(START) - 5)
    expect(await look(monitor)).toEqual(['+clock w0'])
  })
})

describe('[MONITOR-4] a log that cannot be reached', () => {
  it('is not judged, and is stale after the limit', async () => {
    const { world, made, open, look } = await setUp()
    await made.append(numbered(0, 300))
    const monitor = await open()
    await look(monitor)
    world.isDown = true
    expect(await look(monitor)).toEqual([])
    expect(monitor.status.unreachable).toMatch(/connection refused/)
    world.now += 600_000
    expect(await look(monitor)).toEqual(['+stale'])
    expect(await look(await open())).toEqual([])
    world.isDown = false
    expect(await look(await open())).toEqual(['-stale'])
  })

  it('in part, with its tiles alone, leaves the position where it was', async () => {
    const { world, made, open, look } = await setUp()
    await made.append(numbered(0, 300))
    world.lie = (path) => {
      if (path.startsWith('tile/entries/')) throw new TypeError('connection reset')
      return undefined
    }
    const monitor = await open()
    expect(await look(monitor)).toEqual([])
    expect(monitor.status).toMatchObject({ size: 300, verified: 0, unreachable: expect.stringMatching(/reset/) })
    world.now += 600_000
    expect(await look(monitor)).toEqual(['+stale'])
    world.lie = () => undefined
    expect(await look(monitor)).toEqual(['-stale'])
    expect(monitor.status.verified).toBe(300)
  })

  it('because the caller has enough rejects with the reason, and changes nothing', async () => {
    const { world, made, open } = await setUp()
    await made.append(numbered(0, 300))
    const monitor = await open()
    const stop = new AbortController()
    world.lie = (path) => {
      if (path.startsWith('tile/entries/')) stop.abort(new Error('enough'))
      return undefined
    }
    await expect(monitor.look({ signal: stop.signal })).rejects.toThrow('enough')
    expect(world.said).toEqual([])
    expect(monitor.status.verified).toBe(0)
  })
})

describe('[MONITOR-6] the state', () => {
  it('that could not be saved ends the monitor', async () => {
    const { parts } = await setUp()
    const store = { ...parts.store, save: () => Promise.reject(new TlogError('io', 'disk full')) }
    const monitor = await Monitor.open({ ...parts, store })
    await expect(monitor.look()).rejects.toThrow('disk full')
  })

  it('whose checkpoint is not signed by a pinned key is refused', async () => {
    const { parts, made, open, look } = await setUp()
    await made.append(numbered(0, 3))
    await look(await open())
    const stranger = formatVerifierKey(signerKey(logKey.name, ED25519, seed(9)))
    await expect(Monitor.open({ ...parts, trust: { vkey: stranger } })).rejects.toThrow(/^the remembered checkpoint: /)
    const both = await Monitor.open({ ...parts, trust: { vkey: [made.vkey, stranger] } })
    expect(both.status.verified).toBe(3)
  })

  it('is read as it was written, and nothing else is', () => {
    const state: MonitorState = {
      origin: 'log.example',
      checkpoint: new TextEncoder().encode('a\n1\nb\n'),
      data: { verified: 7, damaged: [{ chunk: 0, detail: 'x' }] },
      alarms: {
        active: [
          { kind: 'fork', subject: 's', detail: 'd', since: 5 },
          { kind: 'stale', detail: 'e', since: 6 },
        ],
        startedAt: 1,
        progressAt: 2,
        witnessedAt: 3,
        witnessTimes: { w: 4 },
      },
    }
    const text = formatMonitorState(state)
    expect(parseMonitorState(text)).toEqual(state)
    expect(formatMonitorState(parseMonitorState(text))).toBe(text)
    const bent = [
      ['"format": 1', '"format": 2'],
      ['"origin": "log.example"', '"origin": 5'],
      ['"verified": 7', '"verified": -7'],
      ['"verified": 7', '"verified": 7.5'],
      ['"chunk": 0', '"chunk": "0"'],
      ['"kind": "fork"', '"kind": "knife"'],
      ['"kind": "fork"', '"kind": "toString"'],
      ['"startedAt": 1', '"startedAt": null'],
      ['"w": 4', '"w": "4"'],
      ['"witnessedAt": 3', '"witnessedAt": -3'],
      ['{', '['],
    ] as const
    for (const [from, to] of bent) {
      expect(() => parseMonitorState(text.replace(from, to)), to).toThrow('want the state of a monitor in format 1')
    }
    for (const none of ['', 'null', '[]', '{}', '5']) expect(() => parseMonitorState(none)).toThrow(TlogError)
  })
})

describe('what gossip gets', () => {
  it('is every head that the log signed, before it is judged, and the newest tree', async () => {
    const { world, made, open, look } = await setUp()
    await made.append(numbered(0, 300))
    const monitor = await open()
    expect(monitor.served).toBeUndefined()
    await look(monitor)
    const first = made.checkpoint()
    expect(monitor.served?.bytes).toEqual(first)
    expect(await monitor.served?.tree.rootAt(300)).toEqual(made.log.reader.published.root)
    const other = await memoryLog()
    await other.append(numbered(0, 400, 'other'))
    world.log = other
    await look(monitor)
    expect(world.heard.map(String)).toEqual([first, other.checkpoint()].map(String))
    expect(monitor.served?.bytes).toEqual(first)
  })

  it('needs one origin', async () => {
    const { parts, made } = await setUp()
    const two = formatVerifierKey(signerKey('other.example', ED25519, seed(1)))
    await expect(Monitor.open({ ...parts, trust: { vkey: [made.vkey, two] } })).rejects.toThrow(TypeError)
  })
})
