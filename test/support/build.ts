/** Builds dist/ once before the tests, since the end-to-end tests run the program as users get it. */
import { execFileSync } from 'node:child_process'

export const setup = (): void => {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
}
