/** The large runs: plain events by the hundred thousand, and some thousand over a recorder; started by `run.mjs`. */
import { parseArgs } from 'node:util'
import { runPlain, runRecorded } from './runs.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    queries: { type: 'string', default: '10000' },
    restarts: { type: 'string', default: '20' },
    recorded: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
  },
})
const [queries, seed] = [Number(values.queries), Number(values.seed)]
const restarts = Number(values.restarts)

const runs = [
  { name: 'plain events', run: runPlain, events: Number(values.events), queries },
  { name: 'recorded events', run: runRecorded, events: Number(values.recorded), queries: Math.ceil(queries / 10) },
]
for (const { name, run, events, queries } of runs) {
  const start = performance.now()
  const progress = (done: number): void => console.log(`${name}: ${done} of ${queries} queries`)
  const tally = await run({ events, queries, restarts, seed, progress })
  console.log(`${name}, seed ${seed}: equal`, { ...tally, seconds: Math.round((performance.now() - start) / 1e3) })
}
