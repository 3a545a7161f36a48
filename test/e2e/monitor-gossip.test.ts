/** The monitor trades heads with witnesses: what only a witness was shown comes to light. */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { parseSignerKey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { formatAddCheckpoint } from '../../src/tlog/protocol/add-checkpoint.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { openShell } from '../cli/shell.ts'
import { startNode } from '../support/cluster.ts'
import { startServer } from '../support/server.ts'

describe('[MONITOR-9] a monitor that gossips', { timeout: 120_000 }, () => {
  it('raises fork when a witness was shown another tree, keeps the evidence, and hands it to the witness', async () => {
    using shell = openShell()
    await using log = await startServer({ dataDir: shell.path('log'), args: ['--origin', 'log.example/two-faced'] })
    const append = (text: string): Promise<Response> =>
      fetch(`${log.url}/add`, { method: 'POST', body: text, headers: { Authorization: `Bearer ${log.token}` } })
    for (const text of ['a', 'b', 'c']) await append(text)
    await using witness = await startNode({
      args: ['witness', '--log', log.vkey, '--name', 'w.example', '--gossip-ms', '3600000'],
      folder: shell.path('w'),
    })
    // The witness was shown a tree of one leaf that the public never saw.
    const key = parseSignerKey(readFileSync(shell.path('log/log.key'), 'utf8').trim())
    const root = hashLeaf(new TextEncoder().encode('for the eyes of one'))
    const text = formatCheckpoint({ origin: log.origin, size: 1, root, extensions: [] })
    const hidden = signNote(text, [signerOf(key)])
    const body = Uint8Array.from(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: hidden }))
    expect((await fetch(`${witness.url}/add-checkpoint`, { method: 'POST', body })).status).toBe(200)
    const [vkey] = readFileSync(shell.path('w/witness.vkeys'), 'utf8').split('\n')
    writeFileSync(
      shell.path('policy.txt'),
      `log ${log.vkey} ${log.url}\nwitness w ${vkey} ${witness.url}\nquorum none\n`,
    )
    const { code, stdout } = await shell.run(`treehead monitor ${log.url} --state state --once --policy policy.txt`)
    expect(code).toBe(1)
    expect(stdout).toMatch(/"change":"raised","alarm":"fork"/)
    const { smaller, larger } = verifyEvidence(parseEvidence(readFileSync(shell.path('state/fork.evidence'))))
    expect([smaller.checkpoint.size, larger.checkpoint.size]).toEqual([1, 3])
    const held = async (): Promise<string> => (await fetch(`${witness.url}/evidence`)).text()
    await expect.poll(held, { timeout: 10_000 }).toMatch(/"kind":"fork"/)
    // Once is enough: the next look has nothing new to say, and the alarm stays.
    const again = await shell.run(`treehead monitor ${log.url} --state state --once --policy policy.txt`)
    expect([again.code, again.stdout]).toEqual([1, ''])
  })
})
