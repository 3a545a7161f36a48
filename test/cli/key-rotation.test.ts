/** The change of a log's key as the page says it: its commands run as printed, against servers that are started anew. */
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { asHash } from '../../src/primitives/hash.ts'
import { parseDigitallySigned, treeHeadSignatureInput } from '../../src/tlog/tree-head.ts'
import { fencedBlocks } from '../support/markdown.ts'
import { repositoryRoot } from '../support/root.ts'
import { type Server, startServer } from '../support/server.ts'
import { openShell, type Shell } from './shell.ts'

const blocks = fencedBlocks(readFileSync(join(repositoryRoot, 'spec/key-rotation.md'), 'utf8'))
const step = (name: string): string => {
  const block = blocks.find(({ directive }) => directive?.kind === 'run' && directive.name === name)
  if (block === undefined) throw new Error(`no block ${name} on the page`)
  return block.text
}

let shell: Shell
let server: Server
beforeAll(async () => {
  shell = openShell()
  await start()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  shell?.[Symbol.dispose]()
})

const start = async (): Promise<void> => {
  server = await startServer({ dataDir: shell.path('treehead-data'), args: ['--origin', 'example.com/audit'] })
}
const restart = async (meanwhile = async (): Promise<void> => {}): Promise<void> => {
  await server.stop()
  await meanwhile()
  await start()
}
const run = async (line: string): Promise<string> => {
  const { code, stdout, stderr } = await shell.run(`set -e\nexport TREEHEAD_URL=${server.url}\n${line}`)
  expect([line, code, stderr.includes('internal')]).toEqual([line, 0, false])
  return stdout
}

it('[KEY-1] [KEY-3] [KEY-5] keeps receipts, positions and the tree heads of RFC 6962 through every step of the page', async () => {
  await run('cp treehead-data/log.vkey first.vkey')
  await receipt('before')
  await run('treehead tail --from 0 --state tail.state --once --vkey first.vkey')

  await run(step('second key'))
  await restart()
  await run('cp treehead-data/log.next.key.vkey second.vkey')
  await run(step('both keys'))
  await receipt('during')
  await run('treehead tail --state tail.state --once --vkey audit.vkeys')
  // A log that is left in this state passes fsck as well.
  await server.stop()
  await run('treehead fsck --data level:./treehead-data')
  await start()

  await restart(() => run(step('retire')).then(() => {}))
  await receipt('after')
  expect(await run('treehead tail --state tail.state --once --vkey second.vkey')).toBe('after\n')
  expect(await run('treehead ledger show')).toMatch(/^size 3, /)
  await run('treehead consistency newest.checkpoint --vkey second.vkey')

  const valid: readonly (readonly [string, string, boolean])[] = [
    ['before', 'first', true],
    ['before', 'second', false],
    ['during', 'first', true],
    ['during', 'second', true],
    ['after', 'first', false],
    ['after', 'second', true],
  ]
  for (const [name, key, isValid] of valid) {
    const { code, stdout } = await shell.run(`treehead verify ${name}.proof --entry ${name} --vkey ${key}.vkey`)
    expect([name, key, code]).toEqual([name, key, isValid ? 0 : 1])
    if (!isValid) expect(stdout).toMatch(/^invalid: untrusted: /)
  }
  for (const name of ['before', 'during', 'after']) {
    await run(`treehead verify ${name}.proof --entry ${name} --vkey audit.vkeys`)
  }
  await checkTreeHead()
  await server.stop()
  // Heads under the retired key alone are in the database still.
  await run('treehead fsck --data level:./treehead-data')
  const { code } = await shell.run('treehead fsck --data level:./treehead-data --vkey second.vkey')
  expect(code).toBe(1)
}, 120_000)

const receipt = async (name: string): Promise<void> => {
  shell.write(name, name)
  const keys = name === 'before' ? 'first.vkey' : name === 'during' ? 'audit.vkeys' : 'second.vkey'
  await run(`treehead add ${name} --token-file treehead-data/append.token`)
  await run(`treehead prove --entry ${name} --out ${name}.proof --vkey ${keys}`)
  await checkTreeHead()
}

let treeHeadKey: string | undefined
/** The tree head of RFC 6962 is signed by the one key that it always was. */
const checkTreeHead = async (): Promise<void> => {
  treeHeadKey ??= readFileSync(shell.path('treehead-data/sth.pub.pem'), 'utf8')
  const head = (await (await fetch(`${server.url}/ct/v1/get-sth`)).json()) as Record<string, string> & {
    readonly tree_size: number
    readonly timestamp: number
  }
  const bytes = (text = ''): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'))
  const { timestamp, tree_size: size } = head
  const input = treeHeadSignatureInput({ timestamp, size, root: asHash(bytes(head['sha256_root_hash'])) })
  const signature = parseDigitallySigned(bytes(head['tree_head_signature']))
  expect(verify('sha256', input, createPublicKey(treeHeadKey), signature)).toBe(true)
}
