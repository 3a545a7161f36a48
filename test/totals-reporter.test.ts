/** The last lines of a test run: what machines read, and what was skipped. */
import { afterEach, expect, it, vi } from 'vitest'
import type { SerializedError, TestModule } from 'vitest/node'
import { SKIPPED_FOR } from './support/requires.ts'
import { TotalsReporter } from './support/totals-reporter.ts'

afterEach(() => vi.unstubAllEnvs())

const moduleOf = (states: readonly string[], errors: readonly unknown[] = []): TestModule =>
  ({
    relativeModuleId: 'test/a.test.ts',
    errors: () => errors,
    children: { allTests: () => states.map((state) => ({ result: () => ({ state }) })), allSuites: () => [] },
  }) as unknown as TestModule

const report = (
  modules: readonly TestModule[],
  { ci = 'true', pattern = undefined as RegExp | undefined, unhandled = [] as SerializedError[] } = {},
) => {
  vi.stubEnv('CI', ci)
  vi.stubEnv('TREEHEAD_NO_SKIPS', '')
  vi.stubEnv('TREEHEAD_TOTALS', undefined)
  const lines: string[] = []
  let failed = false
  const reporter = new TotalsReporter(
    (line) => lines.push(line),
    () => {
      failed = true
    },
  )
  reporter.onInit({ getGlobalTestNamePattern: () => pattern })
  reporter.onUserConsoleLog({ content: `other\n${SKIPPED_FOR}strace (apt-get install strace)\n` })
  reporter.onTestRunEnd(modules, unhandled)
  return { lines, failed }
}

it('counts tests', () => {
  const { lines, failed } = report([moduleOf(['passed', 'failed']), moduleOf(['passed'])])
  expect(lines).toEqual(['2 passed, 1 failed, 0 skipped'])
  expect(failed).toBe(false) // Vitest itself fails this run
})

it('counts a file that breaks, a test without a result and a stray error as failures', () => {
  const stray = [{ message: 'x' }] as SerializedError[]
  const { lines } = report([moduleOf([], ['broken']), moduleOf(['pending'])], { unhandled: stray })
  expect(lines).toEqual(['0 passed, 3 failed, 0 skipped'])
})

it('fails where nothing may be skipped, and says why it was', () => {
  const { lines, failed } = report([moduleOf(['passed', 'skipped'])])
  expect(lines).toEqual([
    'skipped: 1 in test/a.test.ts',
    '  for lack of strace (apt-get install strace)',
    'nothing may be skipped in this run, so it fails',
    '1 passed, 0 failed, 1 skipped',
  ])
  expect(failed).toBe(true)
})

it('only tells elsewhere, and says nothing of tests that were not asked for by name', () => {
  expect(report([moduleOf(['skipped'])], { ci: '' })).toMatchObject({ failed: false })
  expect(report([moduleOf(['skipped'])], { pattern: /x/ })).toEqual({
    lines: ['0 passed, 0 failed, 1 skipped'],
    failed: false,
  })
})
