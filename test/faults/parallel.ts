/** Runs experiments side by side, as many as there are processors. */
import { availableParallelism } from 'node:os'

/** Calls `run` with 0, 1, … `count`-1, `jobs` at a time. Rejects with the first error, once all that began have ended. */
export const inParallel = async (
  count: number,
  run: (experiment: number) => Promise<void>,
  jobs: number = Number(process.env['FAULTS_JOBS'] ?? availableParallelism()),
): Promise<void> => {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) await run(next++)
  }
  const ends = await Promise.allSettled(Array.from({ length: Math.max(1, jobs) }, work))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** Prints one line of progress, in place on a terminal, and nothing in tests. */
export const progress = (text: string): void => {
  if (process.stderr.isTTY && process.env['VITEST'] === undefined) process.stderr.write(`\r\x1b[K${text}`)
}
