/** The rounds of gossip: what was cosigned here is told to peers at once, and what they and the logs have is fetched by the clock. */
import { pause } from '../client/http.ts'
import { isTlogError } from '../primitives/error.ts'
import type { EvidenceStore, KeptEvidence } from './evidence-store.ts'
import type { Gossip, ServedHead } from './gossip.ts'
import type { Peer } from './peers.ts'

/** What an exchange works with. */
export interface ExchangeParts {
  readonly gossip: Gossip
  readonly evidence: EvidenceStore
  readonly peers: readonly Peer[]
  /** The origins that are asked for. */
  readonly origins: () => readonly string[]
  /** Where a log serves its tiles, for those that are known to. */
  readonly served: (origin: string) => (() => Promise<ServedHead>) | undefined
  /** Between two rounds, in milliseconds; each is longer or shorter by up to a tenth. */
  readonly intervalMs: number
  /** Numbers from 0 up to 1, for the jitter. */
  readonly random: () => number
  /** Told of what each peer answered, and why not. */
  readonly observe: (event: ExchangeEvent) => void
}

/** How a call to a peer or a log went. */
export interface ExchangeEvent {
  readonly peer: string
  readonly call: 'checkpoint' | 'tell' | 'evidence' | 'accuse' | 'served'
  /** Undefined when it went well. */
  readonly error?: unknown
}

/** Logs that are asked for in one round of each peer; the next round goes on from there. */
const ORIGINS_EACH_ROUND = 256

/** Pieces of evidence fetched from a peer in one round. */
const EVIDENCE_EACH_ROUND = 16

/** Ids of evidence that was looked at and not kept. */
const MAX_UNINTERESTING = 4_096

/** Logs that are compared at the same time. */
const LOGS_AT_ONCE = 8

/** What waits to be told to one peer: only the newest checkpoint of each log, so it is bounded by the number of logs. */
interface Outbox {
  readonly checkpoints: Map<string, Uint8Array>
  readonly evidence: Map<string, Uint8Array>
  sending: boolean
}

/** Exchanges with all peers at once; a slow one holds up nobody else. */
export class Exchange {
  readonly #parts: ExchangeParts
  readonly #outboxes: readonly { readonly peer: Peer; readonly outbox: Outbox }[]
  readonly #stop = new AbortController()
  #round = 0
  /** What peers hold and this node has no use for. */
  readonly #uninteresting = new Set<string>()
  #running: Promise<void> | undefined

  constructor(parts: ExchangeParts) {
    this.#parts = parts
    this.#outboxes = parts.peers.map((peer) => ({
      peer,
      outbox: { checkpoints: new Map(), evidence: new Map(), sending: false },
    }))
  }

  /** Begins the rounds. Evidence that is kept from before is offered to everyone again. */
  start(): void {
    for (const kept of this.#parts.evidence.list()) this.accuse(kept)
    this.#running ??= this.#run()
  }

  /** Ends after what is under way. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  /** Tells all peers of a checkpoint, soon and without waiting. */
  tell(origin: string, checkpoint: Uint8Array): void {
    for (const { peer, outbox } of this.#outboxes) {
      outbox.checkpoints.set(origin, checkpoint)
      void this.#send(peer, outbox)
    }
  }

  /** Hands evidence to all peers, again in each round until they have taken it. */
  accuse({ id, bytes }: KeptEvidence): void {
    for (const { peer, outbox } of this.#outboxes) {
      outbox.evidence.set(id, bytes)
      void this.#send(peer, outbox)
    }
  }

  /** One round: every peer and every log is asked. Never rejects. */
  async round(): Promise<void> {
    const origins = this.#nextOrigins()
    await Promise.all([
      ...this.#outboxes.map(({ peer, outbox }) => this.#ask(peer, outbox, origins)),
      this.#compare(origins),
    ])
    // Once more, with what the peers had.
    await this.#compare(origins.filter((origin) => this.#parts.gossip.heads(origin).unproven.length > 0))
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.round()
      const { intervalMs, random } = this.#parts
      await pause(intervalMs * (0.9 + 0.2 * random()), this.#stop.signal).catch(() => {})
    }
  }

  #nextOrigins(): readonly string[] {
    const origins = this.#parts.origins()
    if (origins.length <= ORIGINS_EACH_ROUND) return origins
    const from = (this.#round++ * ORIGINS_EACH_ROUND) % origins.length
    return [...origins, ...origins].slice(from, from + ORIGINS_EACH_ROUND)
  }

  async #ask(peer: Peer, outbox: Outbox, origins: readonly string[]): Promise<void> {
    await this.#askForEvidence(peer)
    for (const origin of origins) {
      if (this.#stop.signal.aborted) return
      const error = await this.#try(peer.url, 'checkpoint', async () => {
        const bytes = await peer.checkpoint(origin)
        if (bytes !== undefined) await this.#parts.gossip.hear(bytes, peer.url)
      })
      // The others would wait as long for a peer that does not answer. One that answers badly may know other logs well.
      if (isTlogError(error, 'io')) return
    }
    await this.#send(peer, outbox)
  }

  async #askForEvidence(peer: Peer): Promise<void> {
    const { evidence } = this.#parts
    let ids: readonly string[] = []
    await this.#try(peer.url, 'evidence', async () => {
      ids = (await peer.evidenceIds()).filter((id) => evidence.get(id) === undefined && !this.#uninteresting.has(id))
    })
    for (const id of ids.slice(0, EVIDENCE_EACH_ROUND)) {
      const error = await this.#try(peer.url, 'evidence', async () => {
        if ((await evidence.take(await peer.evidence(id))) === undefined) this.#ignore(id)
      })
      // What proves nothing here will not do so in the next round either; what could not be fetched may.
      if (error !== undefined && !isTlogError(error, 'io')) this.#ignore(id)
    }
  }

  #ignore(id: string): void {
    if (this.#uninteresting.size >= MAX_UNINTERESTING) this.#uninteresting.clear()
    this.#uninteresting.add(id)
  }

  /** A few logs at a time, so that one that is slow to answer does not hold up the others. */
  async #compare(origins: readonly string[]): Promise<void> {
    const waiting = [...origins]
    const work = async (): Promise<void> => {
      for (let origin = waiting.shift(); origin !== undefined; origin = waiting.shift()) await this.#compareOne(origin)
    }
    await Promise.all(Array.from({ length: LOGS_AT_ONCE }, work))
  }

  async #compareOne(origin: string): Promise<void> {
    const served = this.#parts.served(origin)
    if (served === undefined || this.#stop.signal.aborted) return
    await this.#try(origin, 'served', async () => {
      const head = await served()
      const heard = await this.#parts.gossip.hear(head.bytes, origin)
      // What the log did not sign is no history of its own.
      if (heard !== 'not signed' && heard !== 'unknown log') await this.#parts.gossip.compare(origin, head)
    })
  }

  /** Sends what waits for a peer, one thing at a time. What fails is tried again in the next round. */
  async #send(peer: Peer, outbox: Outbox): Promise<void> {
    if (outbox.sending) return
    outbox.sending = true
    // Evidence first: it is what gossip is for.
    let isGoing = true
    while (isGoing) {
      const [evidence] = outbox.evidence
      const [checkpoint] = outbox.checkpoints
      if (evidence !== undefined) {
        isGoing = (await this.#try(peer.url, 'accuse', () => taken(peer.accuse(evidence[1])))) === undefined
        if (isGoing) outbox.evidence.delete(evidence[0])
      } else if (checkpoint !== undefined) {
        isGoing = (await this.#try(peer.url, 'tell', () => taken(peer.tell(checkpoint[1])))) === undefined
        // A newer one may have come meanwhile.
        if (isGoing && outbox.checkpoints.get(checkpoint[0]) === checkpoint[1]) outbox.checkpoints.delete(checkpoint[0])
      } else isGoing = false
    }
    outbox.sending = false
  }

  /** Resolves to the error that it failed with, undefined when it did not. */
  async #try(peer: string, call: ExchangeEvent['call'], step: () => Promise<void>): Promise<unknown> {
    try {
      await step()
      this.#parts.observe({ peer, call })
      return undefined
    } catch (error) {
      this.#parts.observe({ peer, call, error })
      return error
    }
  }
}

/** A peer that does not care for it has had it: offering it again would not change its mind. */
const taken = async (sent: Promise<void>): Promise<void> => {
  try {
    await sent
  } catch (error) {
    const isFinal = ['not_found', 'malformed', 'forbidden', 'too_large'].some((code) =>
      isTlogError(error, code as 'io'),
    )
    if (!isFinal) throw error
  }
}
