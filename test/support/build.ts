/** Builds dist/ once before the tests, since the end-to-end tests run the program as users get it. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export const setup = (): void => {
  // Types are the linter's business (`npm test` runs it first); here only the emitted program counts.
  spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'ignore' })
  if (!existsSync('dist/cli/main.js'))
    throw new Error('the build made no dist/cli/main.js; run `npm run build` to see why')
}
