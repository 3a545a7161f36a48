/** `treehead demo`: a log and three witnesses as processes of their own, then the lies that they are there for. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Command } from 'commander'
import { verifyProofFile } from '../../client/receipt.ts'
import { parseNote } from '../../note/note.ts'
import { decodeUtf8, encodeUtf8 } from '../../primitives/bytes.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
import { parseCheckpoint } from '../../tlog/checkpoint.ts'
import { parseEvidence, verifyEvidence } from '../../tlog/evidence.ts'
import { parsePolicy } from '../../tlog/policy.ts'
import { formatAddCheckpoint } from '../../tlog/protocol/add-checkpoint.ts'
import { type ChildNode, freePort, startChild } from '../child-node.ts'
import { asUsage, readInput } from '../input.ts'
import { jsonRecords, parseJsonPointer } from '../json-records.ts'
import { teach } from '../lesson.ts'
import { print } from '../output.ts'
import { exitCodes } from '../report.ts'

/** The command. */
export const demoCommand = (): Command =>
  teach(new Command('demo'), {
    summary: 'watch three witnesses catch a log that lies',
    about:
      'Starts a log and three witnesses as processes on this machine, appends records, prints a receipt with three cosignatures and verifies it offline. Then the log lies: an old copy of its disk is restored, and a second history is signed with its own key. Prints the refusal and the evidence. Everything is in a folder of its own, which is removed at the end.',
    examples: [
      ['with records of its own', 'treehead demo'],
      ['with yours: each element of the array at /Records', 'treehead demo cloudtrail.json --json-records /Records'],
    ],
    codes: [exitCodes.unverified, exitCodes.refused, exitCodes.unavailable],
  })
    .argument('[file]', 'records to append')
    .option('--json-records <pointer>', 'where in FILE the array of records is, as a JSON pointer')
    .action(run)

/** For those who have no file at hand. */
const RECORDS: readonly string[] = [
  '{"time":"2026-11-20T08:14:03Z","action":"user.login","actor":"ada","outcome":"success","ip":"192.0.2.7"}',
  '{"time":"2026-11-20T08:15:41Z","action":"role.grant","actor":"ada","target":"grace","role":"billing-admin"}',
  '{"time":"2026-11-20T08:19:22Z","action":"policy.change","actor":"grace","target":"invoices","effect":"allow"}',
]

/** Each is appended by itself, and waits for its witnesses. */
const MAX_RECORDS = 100

interface Stage {
  readonly home: string
  readonly folder: string
  readonly policyFile: string
  readonly port: number
  readonly vkey: string
  readonly token: string
  readonly witnesses: readonly ChildNode[]
}

const say = (text: string): Promise<void> => print(`${text}\n`)

const run = async (file: string | undefined, flags: { readonly jsonRecords?: string }): Promise<void> => {
  const records = await readRecords(file, flags.jsonRecords)
  const home = await mkdtemp(join(tmpdir(), 'treehead-demo-'))
  const children: ChildNode[] = []
  try {
    const stage = await setUp(home, children)
    await witnessed(stage, records)
    await rollBack(stage)
    await fork(stage)
  } finally {
    for (const child of children) await child.stop()
    await rm(home, { recursive: true, force: true })
  }
}

const readRecords = async (file: string | undefined, pointer: string | undefined): Promise<readonly Uint8Array[]> => {
  if (file === undefined) return RECORDS.map(encodeUtf8)
  const bytes = await readInput(file)
  if (pointer === undefined) return [bytes]
  const places = asUsage('--json-records', () => jsonRecords(bytes, parseJsonPointer(pointer)))
  return places.slice(0, MAX_RECORDS).map(({ start, end }) => bytes.subarray(start, end))
}

/** Keys come first, as each has to know the others': every node is started once to make its own. */
const setUp = async (home: string, children: ChildNode[]): Promise<Stage> => {
  await say('1. A log and three witnesses, each a process with its own key and disk')
  const folder = join(home, 'log')
  const policyFile = join(home, 'policy.txt')
  const port = await freePort()
  const first = await startChild({ args: ['serve', '--data', `level:${folder}`, '--origin', 'demo.example/log'], port })
  await first.stop()
  const vkey = (await readFile(join(folder, 'log.vkey'), 'utf8')).trim()
  const lines = [`log ${vkey} http://127.0.0.1:${port}`]
  const arguments_: { readonly args: readonly string[]; readonly port: number }[] = []
  for (const name of ['w1', 'w2', 'w3']) {
    const data = join(home, name)
    const args = [
      'witness',
      '--data',
      `level:${data}`,
      '--name',
      `${name}.example`,
      '--policy',
      policyFile,
      '--gossip-ms',
      '500',
    ]
    const own = { args, port: await freePort() }
    await writeFile(policyFile, `${lines.join('\n')}\nquorum none\n`)
    await (await startChild(own)).stop()
    const [ed25519] = (await readFile(join(data, 'witness.vkeys'), 'utf8')).split('\n')
    lines.push(`witness ${name} ${ed25519} http://127.0.0.1:${own.port}`)
    arguments_.push(own)
  }
  lines.push('group witnesses all w1 w2 w3', 'quorum witnesses')
  await writeFile(policyFile, `${lines.join('\n')}\n`)
  const witnesses: ChildNode[] = []
  for (const own of arguments_) {
    const node = await startChild(own)
    children.push(node)
    witnesses.push(node)
  }
  await say(lines.map((line) => `   ${line}`).join('\n'))
  const token = (await readFile(join(folder, 'append.token'), 'utf8')).trim()
  return { home, folder, policyFile, port, vkey, token, witnesses }
}

const startLog = ({ folder, policyFile, port }: Stage, isHonest = true): Promise<ChildNode> =>
  startChild({
    args: ['serve', '--data', `level:${folder}`, ...(isHonest ? ['--policy', policyFile] : [])],
    port,
  })

const append = async ({ url }: ChildNode, token: string, entry: Uint8Array, headers = {}): Promise<Uint8Array> => {
  const authorization = { Authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/add`, {
    method: 'POST',
    headers: { ...authorization, ...headers },
    body: Uint8Array.from(entry),
  })
  const body = new Uint8Array(await response.arrayBuffer())
  if (response.status === 200) return body
  throw new TlogError('io', `the log answered ${response.status} ${decodeUtf8(body).trim()}`)
}

const AWAIT_WITNESSES = { Accept: 'text/x.tlog-proof', Prefer: 'wait=witnessed' }

const witnessed = async (stage: Stage, records: readonly Uint8Array[]): Promise<void> => {
  await say(`\n2. ${records.length} records are appended; the log publishes a head when all three have cosigned it`)
  const log = await startLog(stage)
  try {
    let receipt = new Uint8Array(0)
    for (const record of records) receipt = Uint8Array.from(await append(log, stage.token, record, AWAIT_WITNESSES))
    await say(
      `   the receipt of the last one, which anyone can keep:\n\n${decodeUtf8(receipt).replaceAll(/^/gm, '   ')}`,
    )
    const policy = parsePolicy(await readFile(stage.policyFile))
    const verified = verifyProofFile(receipt, { entry: records.at(-1) ?? new Uint8Array(0), policy })
    const names = verified.cosigners.map(({ witness }) => witness.name).join(', ')
    await say(`   verified offline: index ${verified.index} of ${verified.size}, cosigned by ${names}`)
  } finally {
    await log.stop()
  }
  await cp(stage.folder, `${stage.folder}-last-week`, { recursive: true })
}

const rollBack = async (stage: Stage): Promise<void> => {
  await say("\n3. Rollback: a record is appended, then last week's disk is restored, ledger and all")
  const log = await startLog(stage)
  await append(log, stage.token, encodeUtf8('a record that someone wants to be gone'), AWAIT_WITNESSES)
  await log.stop()
  await cp(stage.folder, `${stage.folder}-today`, { recursive: true })
  await rm(stage.folder, { recursive: true })
  await cp(`${stage.folder}-last-week`, stage.folder, { recursive: true })
  try {
    const started = await startLog(stage)
    await started.stop()
    throw new TlogError('inconsistent', 'the log started on the older disk')
  } catch (error) {
    if (!isTlogError(error, 'refused')) throw error
    await say(`   the log does not start:\n${error.message.replaceAll(/^/gm, '   | ')}`)
  }
}

const fork = async (stage: Stage): Promise<void> => {
  await say(
    "\n4. Fork: on the old disk, with the log's own key and without witnesses, another record is signed in its place",
  )
  const liar = await startLog(stage, false)
  await append(liar, stage.token, encodeUtf8('another record in its place'))
  const forged = new Uint8Array(await (await fetch(`${liar.url}/checkpoint`)).arrayBuffer())
  await liar.stop()
  const { size } = parseCheckpoint(parseNote(forged).text)
  const [first, ...others] = stage.witnesses
  if (first === undefined) return
  const body = Uint8Array.from(formatAddCheckpoint({ oldSize: size, proof: [], checkpoint: forged }))
  const refusal = await fetch(`${first.url}/add-checkpoint`, { method: 'POST', body })
  await say(`   w1 is asked to cosign it and answers ${refusal.status} ${(await refusal.text()).trim()}`)
  const evidence = await evidenceOf(first)
  await say(
    `   and this is now on file, with both signatures of the log on it:\n\n${decodeUtf8(evidence).replaceAll(/^/gm, '   ')}`,
  )
  const { origin, smaller } = verifyEvidence(parseEvidence(evidence))
  await say(
    `   verified offline, with the log's key alone: ${origin} signed two trees of size ${smaller.checkpoint.size}`,
  )
  for (const [i, other] of others.entries()) {
    await evidenceOf(other)
    await say(`   w${i + 2} has it too, by gossip: nobody cosigns this log any more`)
  }
}

/** The first piece of evidence that a witness holds, once it does. */
const evidenceOf = async ({ url }: ChildNode): Promise<Uint8Array> => {
  for (let i = 0; i < 200; i++) {
    const { evidence } = (await (await fetch(`${url}/evidence`)).json()) as { evidence: readonly { id: string }[] }
    const [found] = evidence
    if (found !== undefined) return new Uint8Array(await (await fetch(`${url}/evidence/${found.id}`)).arrayBuffer())
    await pause(100)
  }
  throw new TlogError('not_found', `${url} holds no evidence after 20 s`)
}
