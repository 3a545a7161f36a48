import { configDefaults, defineConfig } from 'vitest/config'
import { TotalsReporter } from './test/support/totals-reporter.ts'

// "source" makes the package imports (#sha256, #ed25519) mean the files in src/.
const conditions = ['source', 'node', 'module', 'import', 'default']

/** Suites that harm servers for minutes, start several of them or run other people's programs; the others are quick. */
const slow = ['test/faults/**/*.test.ts', 'test/interop/**/*.test.ts', 'test/e2e/**/*.test.ts']

const common = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
}
const limits = { testTimeout: 60_000, hookTimeout: 120_000, pool: 'forks' as const }

export default defineConfig({
  test: {
    globalSetup: ['test/support/build.ts'],
    reporters: ['default', new TotalsReporter()],
    projects: [
      {
        ...common,
        test: {
          ...limits,
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...slow],
        },
      },
      // After the others, so that neither disturbs the other.
      { ...common, test: { ...limits, name: 'slow', include: slow, sequence: { groupOrder: 1 } } },
    ],
  },
})
