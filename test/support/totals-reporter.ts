/** Ends a run with what was skipped and why, and one plain line for machines: `N passed, N failed, N skipped`. */
import { appendFileSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule, Vitest } from 'vitest/node'
import { noSkips, SKIPPED_FOR } from './requires.ts'

/**
 * Where nothing may be skipped, a skipped test fails the run, unless someone asked for tests by name (`-t`). The line is also
 * appended to the file that TREEHEAD_TOTALS names.
 */
export class TotalsReporter implements Reporter {
  private readonly reasons = new Set<string>()
  private readonly print: (line: string) => void
  private readonly fail: () => void
  private byName = false

  constructor(
    print = (line: string): void => void process.stdout.write(`${line}\n`),
    fail = (): void => {
      process.exitCode = 1
    },
  ) {
    this.print = print
    this.fail = fail
  }

  onInit(vitest: Pick<Vitest, 'getGlobalTestNamePattern'>): void {
    this.byName = vitest.getGlobalTestNamePattern() !== undefined
  }

  onUserConsoleLog({ content }: { readonly content: string }): void {
    for (const line of content.split('\n')) {
      if (line.startsWith(SKIPPED_FOR)) this.reasons.add(line.slice(SKIPPED_FOR.length))
    }
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const totals = { passed: 0, failed: unhandled.length, skipped: 0 }
    const skippedIn: string[] = []
    for (const module of modules) {
      const tests = [...module.children.allTests()].map((test) => test.result().state)
      const broken = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0)
      const skipped = tests.filter((state) => state === 'skipped').length
      totals.passed += tests.filter((state) => state === 'passed').length
      // A test that was still running when its file broke has no result; it counts as failed.
      totals.failed += tests.filter((state) => state === 'failed' || state === 'pending').length + broken.length
      totals.skipped += skipped
      if (skipped > 0) skippedIn.push(`${skipped} in ${module.relativeModuleId}`)
    }
    this.explain(skippedIn)
    const line = `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`
    this.print(line)
    const copy = process.env['TREEHEAD_TOTALS']
    if (copy !== undefined) appendFileSync(copy, `${line}\n`)
  }

  private explain(skippedIn: readonly string[]): void {
    if (skippedIn.length === 0 || this.byName) return
    this.print(`skipped: ${skippedIn.join(', ')}`)
    for (const reason of [...this.reasons].toSorted()) this.print(`  for lack of ${reason}`)
    if (!noSkips()) return
    this.print('nothing may be skipped in this run, so it fails')
    this.fail()
  }
}
