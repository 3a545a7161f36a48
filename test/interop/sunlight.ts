/** Sunlight's witness and mirror, which Skylight serves to readers. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/server.ts'
import { goTool, runGo } from './go-tools.ts'
import { startPeer, statusOf } from './peer-process.ts'
import { knowsLogs, logList, type WitnessOptions, type WitnessPeer } from './witness-peer.ts'

/** What Sunlight needs beyond what every witness does. */
export interface SunlightOptions extends WitnessOptions {
  /** The name that the mirror cosigns with; not that of the witness. */
  readonly mirrorName: string
}

/** A running Sunlight. Witness and mirror share the submission prefix, `url`, as the spec allows. */
export interface SunlightPeer extends WitnessPeer {
  /** The one key of the mirror, of ML-DSA-44. */
  readonly mirrorVkey: string
  /** Where the witness' checkpoints are read, without a trailing slash. */
  readonly monitoringUrl: string
  /** Where the mirrored logs are read: `<mirrorUrl>/<hex of SHA-256(origin)>/checkpoint`. */
  readonly mirrorUrl: string
}

/** YAML takes JSON. */
const writeConfig = (file: string, config: unknown): string => {
  writeFileSync(file, JSON.stringify(config))
  return file
}

const config = ({ dir, name, mirrorName }: SunlightOptions, listen: string, idle: string): unknown => ({
  listen: [listen],
  checkpoints: join(dir, 'locks.db'),
  witness: {
    name,
    mirrorname: mirrorName,
    // It insists on https here, but serves plain HTTP to this host all the same.
    submissionprefix: 'https://127.0.0.1',
    monitoringprefix: 'https://127.0.0.1',
    secret: join(dir, 'seed'),
    localdirectory: join(dir, 'public'),
    loglists: [join(dir, 'logs.txt')],
    mirrorloglists: [join(dir, 'logs.txt')],
  },
  // It ends at once without a log of its own. This one never gets an entry, and is a new one at every start: it would
  // read an old one's checkpoint through the monitoring prefix.
  logs: [
    {
      shortname: 'idle',
      inception: new Date().toISOString().slice(0, 10),
      period: 3_600_000,
      submissionprefix: 'https://idle.invalid',
      monitoringprefix: 'https://idle.invalid',
      roots: join(idle, 'roots.pem'),
      secret: join(idle, 'seed'),
      cache: join(idle, 'cache.db'),
      localdirectory: join(idle, 'public'),
      notafterstart: '2000-01-01T00:00:00Z',
      notafterlimit: '3000-01-01T00:00:00Z',
    },
  ],
})

/** Asks for the upload of no entries: the mirror knows the log unless it says 404, or 403 while it only witnesses it. */
const mirrorKnows = async (url: string, vkey: string): Promise<boolean> => {
  const origin = Buffer.from(vkey.split('+')[0]!)
  const body = Buffer.concat([Buffer.from([origin.length >> 8, origin.length & 255]), origin, Buffer.alloc(18)])
  const headers = { 'content-type': 'application/octet-stream' }
  return ![403, 404].includes(await statusOf(`${url}/add-entries`, { method: 'POST', body, headers }))
}

/** Starts Sunlight and Skylight. */
export const startSunlight = async (options: SunlightOptions): Promise<SunlightPeer> => {
  const { dir, logs, port } = options
  mkdirSync(dir, { recursive: true })
  if (!existsSync(join(dir, 'seed'))) {
    writeFileSync(join(dir, 'seed'), randomBytes(32), { mode: 0o600 })
    const made = await runGo('treehead-peers', ['locks', join(dir, 'locks.db')], 20_000)
    if (made.code !== 0) throw new Error(`treehead-peers: ${made.output}`)
  }
  writeFileSync(join(dir, 'logs.txt'), logList(logs))
  const idle = mkdtempSync(join(dir, 'idle-'))
  writeFileSync(join(idle, 'seed'), randomBytes(32), { mode: 0o600 })
  writeFileSync(join(idle, 'roots.pem'), '')
  const [listen, readers] = [`127.0.0.1:${port ?? (await freePort())}`, `127.0.0.1:${await freePort()}`]
  const [url, monitoringUrl] = [`http://${listen}`, `http://${readers}`]
  const env = { TZ: 'UTC' } // the inception is a day
  const sunlight = await startPeer({
    program: 'treehead-peers',
    args: ['mutable', goTool('sunlight'), '-c', writeConfig(join(dir, 'sunlight.yaml'), config(options, listen, idle))],
    env,
    ready: async () => {
      const mirrored = await Promise.all(logs.map((vkey) => mirrorKnows(url, vkey)))
      return mirrored.every(Boolean) && (await knowsLogs(url, logs))
    },
  })
  try {
    const witnesses = [{ monitoringprefix: 'https://127.0.0.1', localdirectory: join(dir, 'public') }]
    const skylight = await startPeer({
      program: 'skylight',
      args: ['-c', writeConfig(join(dir, 'skylight.yaml'), { listen: [readers], witnesses })],
      env,
      ready: async () => (await statusOf(`${monitoringUrl}/witness.v0.json`)) === 200,
    })
    const keysIn = async (path: string): Promise<readonly string[]> =>
      ((await (await fetch(`${url}${path}`)).json()) as { verifier_keys: string[] }).verifier_keys
    const [mirrorVkey = ''] = await keysIn('/mirror/mirror.v0.json')
    const kill = async (): Promise<void> => {
      await skylight.kill()
      await sunlight.kill()
    }
    const urls = { url, monitoringUrl, mirrorUrl: `${monitoringUrl}/mirror` }
    return {
      ...sunlight,
      ...urls,
      vkeys: await keysIn('/witness.v0.json'),
      mirrorVkey,
      kill,
      [Symbol.asyncDispose]: kill,
    }
  } catch (error) {
    await sunlight.kill()
    throw error
  }
}
