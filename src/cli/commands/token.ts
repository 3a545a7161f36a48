/** `treehead token`: makes, lists and removes the append tokens of a data folder. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { formatTokens, hashToken, parseTokens, type StoredToken } from '../../http/tokens.ts'
import { dataFiles } from '../../log/data-dir.node.ts'
import { TlogError } from '../../primitives/error.ts'
import { encodeHex } from '../../primitives/hex.ts'
import { dataFlag, dataFolder, jsonFlag } from '../flags.ts'
import { asUsage, unreadable } from '../input.ts'
import { teach } from '../lesson.ts'
import { print, STANDARD, say, writeNew, writeOut } from '../output.ts'
import { exitCodes } from '../report.ts'

interface TokenFlags {
  readonly data: string
  readonly label: string
  readonly out: string
  readonly json?: boolean
}

const AT_NEXT_START = 'the server reads its tokens when it starts: restart it for this to count'

/** The command and its subcommands. */
export const tokenCommand = (): Command =>
  teach(new Command('token'), {
    summary: 'make, list and remove the tokens that may append',
    about:
      'Who holds an append token may add entries, and nothing else; reading needs none. The data folder keeps only the SHA-256 of each token, so a token is shown once, when it is made, and a lost one is replaced. The server reads the file when it starts: restart it after a change.',
    examples: [
      ['one token for each producer', 'treehead token add --label billing --out billing.token'],
      ['which there are', 'treehead token list'],
    ],
    codes: [exitCodes.unavailable],
  })
    .addCommand(addToken())
    .addCommand(listTokens())
    .addCommand(removeToken())

const addToken = (): Command =>
  teach(new Command('add'), {
    summary: 'make a token',
    about: 'Makes a token of 256 random bits and hands it over once, on standard output or in a new file of mode 0600.',
    examples: [
      ['into a file', 'treehead token add --label orders --out orders.token'],
      ['into a variable', 'TREEHEAD_TOKEN=$(treehead token add --label shell)'],
    ],
    codes: [exitCodes.unavailable],
  })
    .addOption(dataFlag())
    .requiredOption('--label <label>', 'what you call it; no spaces')
    .option('--out <file>', 'a new file for the token (- for standard output)', STANDARD)
    .action(async ({ data, label, out }: TokenFlags) => {
      if (!/^[A-Za-z0-9._@/-]{1,64}$/.test(label)) {
        throw new TlogError('usage', 'want a label of 1 to 64 letters, digits and . _ @ / -')
      }
      const tokens = await readTokens(data)
      if (tokens.some((token) => token.label === label))
        throw new TlogError('usage', `there is a token ${label} already`)
      const token = randomBytes(32).toString('base64url')
      if (out !== STANDARD) await writeNew(out, `${token}\n`, 0o600)
      await writeTokens(data, [...tokens, { role: 'append', hash: hashToken(token), label }])
      if (out === STANDARD) await print(`${token}\n`)
    })

const listTokens = (): Command =>
  teach(new Command('list'), {
    summary: 'list the tokens: role, label and the start of the hash',
    about: 'Lists the tokens of the data folder. The tokens themselves are not kept, so they cannot be listed.',
    examples: [
      ['for people', 'treehead token list'],
      ['for scripts', 'treehead token list --json'],
    ],
    codes: [],
  })
    .addOption(dataFlag())
    .addOption(jsonFlag())
    .action(async ({ data, json }: TokenFlags) => {
      const tokens = (await readTokens(data)).map(({ role, hash, label }) => ({ role, label, sha256: encodeHex(hash) }))
      const lines = tokens.map(({ role, label, sha256 }) => `${role} ${label} ${sha256.slice(0, 8)}…\n`)
      await print(json ? `${JSON.stringify(tokens)}\n` : lines.join(''))
    })

const removeToken = (): Command =>
  teach(new Command('remove'), {
    summary: 'remove a token, so that it no longer counts',
    about:
      'Removes the token with that label from the data folder. What was added with it stays in the log, as all does.',
    examples: [
      ['a producer that is gone', 'treehead token remove --label billing'],
      ['of a log elsewhere', 'treehead token remove --label shell --data level:./treehead-data'],
    ],
    codes: [exitCodes.unavailable],
  })
    .addOption(dataFlag())
    .requiredOption('--label <label>', 'what you called it')
    .action(async ({ data, label }: TokenFlags) => {
      const tokens = await readTokens(data)
      const kept = tokens.filter((token) => token.label !== label)
      if (kept.length === tokens.length) throw new TlogError('usage', `there is no token ${label}`)
      await writeTokens(data, kept)
    })

const readTokens = async (data: string): Promise<readonly StoredToken[]> => {
  const path = join(dataFolder(data), dataFiles.tokens)
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  return asUsage(path, () => parseTokens(text))
}

const writeTokens = async (data: string, tokens: readonly StoredToken[]): Promise<void> => {
  await writeOut(join(dataFolder(data), dataFiles.tokens), formatTokens(tokens), 0o600)
  say(AT_NEXT_START)
}
