/** A simulated schedule once more, with real witnesses, real notes and real signatures: both must come to the same. */
import { TileTree } from '../../src/client/tile-tree.ts'
import { formatVerifierKey } from '../../src/note/key.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { formatCheckpoint, parseCheckpoint } from '../../src/tlog/checkpoint.ts'
import {
  type Evidence,
  forkOfOneSize,
  formatEvidence,
  parseEvidence,
  verifyEvidence,
  withoutOthers,
} from '../../src/tlog/evidence.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { type MemoryWitness, memoryWitness } from '../support/memory-witness.ts'
import { type Head, headIn, logKey, nameOf, witnessKeys } from './gossip-node.ts'
import { leafHashes, type NamedTree } from './gossip-trees.ts'

import type { Step, World } from './gossip-world.ts'

const noteOf = ({ tree, cosigned }: Head): Uint8Array => {
  const text = formatCheckpoint({ origin: logKey.name, size: tree.size, root: tree.root, extensions: [] })
  const cosigners = cosigned.flatMap(({ witness, time }) => {
    const key = witnessKeys[witness]
    return key === undefined ? [] : [signerOf(key, { time })]
  })
  return signNote(text, [signerOf(logKey), ...cosigners])
}

const realEvidence = (evidence: Evidence): Uint8Array => {
  const [smaller, larger] = [noteOf(headIn(evidence.smaller)), noteOf(headIn(evidence.larger))]
  const isOfOneSize = headIn(evidence.smaller).size === headIn(evidence.larger).size
  const real = isOfOneSize ? forkOfOneSize(evidence.accused, smaller, larger) : { ...evidence, smaller, larger }
  return formatEvidence(withoutOthers(real))
}

const tileTree = ({ size, root, leaves }: NamedTree): Promise<TileTree> =>
  TileTree.open({ size, root }, ({ width }) => Promise.resolve(concatBytes(...leafHashes(leaves).slice(0, width))))

const startWitness = (i: number, before?: MemoryWitness): Promise<MemoryWitness> =>
  memoryWitness({
    name: `w${i}.example`,
    seed: 10 + i,
    vkeys: [formatVerifierKey(logKey)],
    witnesses: witnessKeys.filter((_, j) => j !== i).map(formatVerifierKey),
    ed25519Only: true,
    ...(before && { store: before.store, mark: before.mark }),
  })

/** Its evidence is in a store of its own, which is carried over by hand. */
const restart = async (i: number, before: MemoryWitness, isAcknowledged: boolean): Promise<MemoryWitness> => {
  const after = await startWitness(i, before)
  for (const { bytes } of before.evidence.list()) await after.evidence.take(bytes)
  const latest = await after.witness.latestOf(logKey.name)
  if (latest !== undefined) await after.gossip.hear(latest, 'this witness')
  if (isAcknowledged) acknowledge(after)
  return after
}

const acknowledge = ({ evidence, acknowledge: say }: MemoryWitness): void => say(evidence.against(logKey.name) ?? '')

const doStep = async (real: MemoryWitness, step: Step): Promise<string | undefined> => {
  if (step.kind === 'acknowledge') acknowledge(real)
  else if (step.kind === 'hear') await real.gossip.hear(noteOf(step.head), 'a peer')
  else if (step.kind === 'take') await real.evidence.take(realEvidence(step.evidence))
  else if (step.kind === 'compare') {
    const bytes = noteOf(step.head)
    await real.gossip.hear(bytes, 'the log')
    await real.gossip.compare(logKey.name, { bytes, tree: await tileTree(step.head.tree) })
  } else if (step.kind === 'ask') {
    real.setTime(1_000 * step.time)
    const { oldSize, proof, head } = step.request
    const answer = await real.witness.addCheckpoint({ oldSize, proof, checkpoint: noteOf({ ...head, cosigned: [] }) })
    const latest = await real.witness.latestOf(logKey.name)
    if (answer.kind === 'cosigned' && latest !== undefined) await real.gossip.hear(latest, 'this witness')
    const got = answer.kind === 'cosigned' ? 'cosign' : answer.kind
    if (got !== step.decision) return `decides ${got}, simulated ${step.decision}`
  }
  return undefined
}

/** What evidence says, in the words of the simulator, with the trees by their roots. */
const nameOfReal = ({ bytes }: { readonly bytes: Uint8Array }): string => {
  const evidence = parseEvidence(bytes)
  const { smaller, larger } = verifyEvidence(evidence)
  const roots = [smaller, larger].map(({ checkpoint }) => `${checkpoint.size} ${String(checkpoint.root)}`)
  return `${evidence.kind} ${evidence.accused.name} ${roots.toSorted().join(' ')}`
}

const nameOfSimulated = (evidence: Evidence): string => {
  const roots = [evidence.smaller, evidence.larger].map(
    (bytes) => `${headIn(bytes).size} ${String(headIn(bytes).root)}`,
  )
  return `${evidence.kind} ${evidence.accused.name} ${roots.toSorted().join(' ')}`
}

/** Does what the world did, and answers the differences. A liar has no part in it but its signatures; not for worlds with a rollback. */
export const replay = async ({ steps, nodes, plan }: World): Promise<readonly string[]> => {
  const differences: string[] = []
  const reals = await Promise.all([0, 1, 2].map((i) => startWitness(i)))
  const acknowledged = new Set<number>()
  for (const step of steps) {
    if (step.kind === 'acknowledge') acknowledged.add(step.to)
    const real = reals[step.to]
    if (real === undefined) throw new Error(`no witness ${step.to}`)
    if (step.kind === 'restart') reals[step.to] = await restart(step.to, real, acknowledged.has(step.to))
    else {
      const difference = await doStep(real, step)
      if (difference !== undefined) differences.push(`w${step.to} ${difference}`)
    }
  }
  for (const [i, real] of reals.entries()) {
    if (i === plan.faulty) continue
    const latest = await real.witness.latestOf(logKey.name)
    const root = latest === undefined ? undefined : String(parseCheckpoint(parseNote(latest).text).root)
    const simulated = nodes[i]?.latest
    if (root !== (simulated && String(simulated.root))) differences.push(`w${i} has cosigned another tree`)
    const [got, want] = [real.evidence.list().map(nameOfReal), (nodes[i]?.evidence ?? []).map(nameOfSimulated)]
    if (got.toSorted().join() !== want.toSorted().join())
      differences.push(
        `w${i} holds ${got.length} pieces of evidence, simulated ${(nodes[i]?.evidence ?? []).map(nameOf).join('; ')}`,
      )
  }
  return differences
}
