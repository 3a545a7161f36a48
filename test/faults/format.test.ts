/** R15: data of another version is refused by name and left as it was; there is only one version so far. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeGolden } from './golden.ts'
import { readFolder } from './replay.ts'
import { scratchFolder } from './scratch.ts'
import { startLog } from './server.ts'

const bytesByName = (folder: string): Map<string, string> => {
  const { names, files } = readFolder(folder)
  return new Map([...names].map(([name, ino]) => [name, Buffer.from(files.get(ino)?.bytes ?? []).toString('hex')]))
}

it('[FAULT-13] data of a newer or unreadable format is refused, unchanged, and opens again once the format is what it was', {
  timeout: 120_000,
}, async () => {
  using scratch = scratchFolder('format')
  const { dataDir, oracle } = await makeGolden({ folder: scratch.path, seed: 1 })
  const path = join(dataDir, 'treehead.json')
  const original = readFileSync(path, 'utf8')
  for (const text of [original.replace('"format":1', '"format":2'), '', '{}', 'format 1']) {
    expect(text).not.toBe(original)
    writeFileSync(path, text)
    const before = bytesByName(dataDir)
    await using server = await startLog({ dataDir })
    expect(await server.ready()).toBe(false)
    expect(server.exit()?.code).toBe(3)
    expect(server.output()).toMatch(/^treehead: format: /m)
    expect(bytesByName(dataDir)).toEqual(before)
  }
  writeFileSync(path, original)
  await using server = await startLog({ dataDir })
  expect(await server.ready()).toBe(true)
  expect(await oracle.check(server.url)).toEqual([])
})
