/** Runs a fault suite as a program: `node test/faults/run.mjs kill --count 1000 --seed 7`. Lists the suites when called bare. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const folder = join(import.meta.dirname, '../../.cache/faults')
mkdirSync(folder, { recursive: true })
const outfile = join(folder, `main.${process.pid}.mjs`)
await build({
  entryPoints: [join(import.meta.dirname, 'main.ts')],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['source'],
  sourcemap: 'inline',
  logLevel: 'error',
})
process.on('exit', () => rmSync(outfile, { force: true }))
await import(pathToFileURL(outfile).href)
