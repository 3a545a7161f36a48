/** What a witness tells others of, and what it asks them: its events, and the evidence held against logs. */
import type { Evidence } from '../tlog/evidence.ts'
import type { AddCheckpointAnswer } from './answers.ts'

/** Something that happened. */
export type WitnessEvent =
  /** A request about a known log was answered. */
  | {
      readonly kind: 'asked'
      readonly origin: string
      readonly outcome: AddCheckpointAnswer['kind']
      readonly milliseconds: number
    }
  /** A checkpoint was cosigned and kept. */
  | { readonly kind: 'cosigned'; readonly origin: string; readonly size: number; readonly checkpoint: Uint8Array }

/** Told of each event; must not throw. */
export type ObserveWitness = (event: WitnessEvent) => void

/** The evidence that is held. */
export interface Accusations {
  /** The id of evidence that keeps the witness from cosigning this log, if there is one that no operator acknowledged. */
  against(origin: string): string | undefined
  /** Keeps verified evidence for ever, before it resolves. Rejects with `poisoned` when it cannot. */
  accuse(evidence: Evidence): Promise<void>
}
