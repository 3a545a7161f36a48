/** Failing system calls, by the rules of syscalls.ts; `node test/faults/run.mjs syscalls` fails every one. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { mutant } from './mutants.ts'
import { formatReport } from './report.ts'
import { runSyscalls } from './syscalls.ts'

describe.skipIf(!canInject('strace'))('[FAULT-3] system calls that fail', { timeout: 300_000 }, () => {
  it('lose nothing, alone or in pairs, and after a failed write the server stops', async () => {
    const report = await runSyscalls({ singles: 40, pairs: 14, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-14] are noticed by the suite when a server goes on after a failed write', async () => {
    const only = { call: 'fdatasync', effect: 'error=EIO' } as const
    const report = await runSyscalls({ singles: 3, pairs: 0, seed: 1, only, main: mutant('goesOn') })
    expect(report.findings).not.toEqual([])
  })

  it('[FAULT-14] are noticed by the suite when no copy is kept while LevelDB opens', async () => {
    const only = { call: 'openat', effect: 'error=EMFILE' } as const
    const report = await runSyscalls({ singles: 100, pairs: 0, seed: 1, only, main: mutant('noCopyAside') })
    expect(report.findings).not.toEqual([])
  })
})
