/** Witnesses and gossip with one rule broken each, which the simulator must catch. */
import { NO_HEADS } from '../../src/gossip/heads.ts'
import { type Judgement, judgement } from './gossip-node.ts'

const { decide, see, compare, hear } = judgement

/** The mutants, by the rule that they break. */
export const gossipMutants: Readonly<Record<string, Partial<Judgement>>> = {
  'does not compare the old size with its own': {
    decide: (latest, advance) =>
      advance.oldSize === 0 ? { kind: 'cosign' } : decide(latest, { ...advance, oldSize: latest?.size ?? 0 }),
  },
  'does not compare the roots of one size': {
    decide: (latest, advance) =>
      latest?.size === advance.tree.size && advance.oldSize === latest.size
        ? { kind: 'cosign' }
        : decide(latest, advance),
  },
  'cosigns a larger tree without proof': {
    decide: (latest, advance) =>
      latest !== undefined && advance.tree.size > latest.size ? { kind: 'cosign' } : decide(latest, advance),
  },
  'hears no fork of one size': {
    see: (known, head) => {
      const { heads, verdict } = see(known, head)
      return { heads, verdict: verdict.kind === 'fork' ? { kind: 'known' } : verdict }
    },
  },
  'forgets what it agreed on': {
    compare: (known, served) => {
      const { heads, contradicted } = compare({ ...known, agreed: undefined }, served)
      return { heads: { ...heads, agreed: undefined }, contradicted }
    },
  },
  'compares with nothing that the log serves': {
    compare: (known) => ({ heads: known, contradicted: [] }),
  },
  'forgets heads that wait': {
    see: (known, head) => {
      const { heads, verdict } = see(known, head)
      return { heads: { ...heads, unproven: NO_HEADS.unproven }, verdict }
    },
  },
  'takes a smaller tree of the same second for a rollback': {
    hear: (last, statement) => {
      const heard = hear(last, statement)
      const isSmaller = last !== undefined && statement.size < last.size && statement.time >= last.time
      if (!isSmaller || heard.evidence !== undefined) return heard
      const pair = { smaller: statement.bytes, larger: last.bytes }
      return { ...heard, evidence: { kind: 'rollback', accused: last.witness, ...pair } }
    },
  },
  'does not mind that a witness cosigns two trees of one size': {
    hear: (last, statement) =>
      hear(last, last?.size === statement.size ? { ...statement, root: last.root } : statement),
  },
  'does not mind that a witness goes back': {
    hear: (last, statement) => ({ last: hear(last, statement).last }),
  },
}
