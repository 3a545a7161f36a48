/** `treehead token`: makes, lists and revokes the tokens of a data folder. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import {
  expiryOf,
  formatAttributes,
  formatTokens,
  hashToken,
  isExpiry,
  isTenantName,
  isTokenSource,
  parseTokens,
  type Role,
  roles,
  type StoredToken,
  sourceOfToken,
} from '../../http/tokens.ts'
import { dataFiles } from '../../log/data-dir.node.ts'
import { TlogError } from '../../primitives/error.ts'
import { encodeHex } from '../../primitives/hex.ts'
import { dataFlag, dataFolder, jsonFlag } from '../flags.ts'
import { asUsage, unreadable } from '../input.ts'
import { teach } from '../lesson.ts'
import { print, STANDARD, say, writeNew, writeOut } from '../output.ts'
import { exitCodes, printable } from '../report.ts'
import { parseDuration } from '../times.ts'

interface TokenFlags {
  readonly data: string
  readonly label: string
  readonly out: string
  readonly json?: boolean
}

interface AddFlags extends TokenFlags {
  readonly role: Role
  readonly source?: string
  readonly tenant?: string
  readonly expires?: string
}

const SEEN_SOON = 'a server that is running sees this within a second'

/** The command and its subcommands. */
export const tokenCommand = (): Command =>
  teach(new Command('token'), {
    summary: 'make, list and revoke tokens: who may append, read events, audit or configure',
    about:
      'Each token has one role. append: adds entries, and sends the events of one source. read: sees events with their personal fields. audit: sees proofs, and events without personal fields. admin: configures, and neither appends nor reads events. The tree is public: tiles, proofs and entries need no token. The data folder keeps only the SHA-256 of each token, so a token is shown once, when it is made, and a lost one is replaced. A server that is running sees a change within a second.',
    examples: [
      ['one token for each producer', 'treehead token add --label billing --out billing.token'],
      ['which there are', 'treehead token list'],
    ],
    codes: [exitCodes.unavailable],
  })
    .addCommand(addToken())
    .addCommand(listTokens())
    .addCommand(revokeToken())

const addToken = (): Command =>
  teach(new Command('add'), {
    summary: 'make a token',
    about:
      'Makes a token of 256 random bits and hands it over once, on standard output or in a new file of mode 0600. A token that sends events is bound to one source: to --source, else to its label. With --tenant it sees and sends the events of that tenant, and appends no raw entries. From --expires on it is unknown.',
    examples: [
      ['into a file', 'treehead token add --label orders --out orders.token'],
      ['into a variable', 'TREEHEAD_TOKEN=$(treehead token add --label shell)'],
      [
        'the next token of a source that has one',
        'treehead token add --label orders-2 --source orders --out orders-2.token',
      ],
      [
        'for auditors of one tenant, for 90 days',
        'treehead token add --role audit --tenant acme --expires 90d --label auditors --out auditors.token',
      ],
    ],
    codes: [exitCodes.unavailable],
  })
    .addOption(dataFlag())
    .requiredOption('--label <label>', 'what you call it; no spaces')
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).default('append'))
    .option('--source <name>', 'whose events it sends (default: the label); with the role append')
    .option('--tenant <name>', 'the one tenant whose events it sees or sends (default: all); not with the role admin')
    .option('--expires <time>', 'when it stops to count: such as 2027-01-31T00:00:00Z, or 12h or 90d from now')
    .option('--out <file>', 'a new file for the token (- for standard output)', STANDARD)
    .action(async (flags: AddFlags) => {
      const { data, label, out } = flags
      const rights = rightsOf(flags)
      const tokens = await readTokens(data)
      if (tokens.some((token) => token.label === label))
        throw new TlogError('usage', `there is a token ${label} already`)
      const token = randomBytes(32).toString('base64url')
      const stored = { ...rights, hash: hashToken(token) }
      if (out !== STANDARD) await writeNew(out, `${token}\n`, 0o600)
      await writeTokens(data, [...tokens, stored])
      if (stored.role === 'append' && sourceOfToken(stored) === undefined)
        say(`no source can have the name ${label}, so the token adds raw entries only: give --source for events`)
      if (out === STANDARD) await print(`${token}\n`)
    })

/** What the flags ask for. Throws `usage` for what no line of the file may say. */
const rightsOf = ({ label, role, source, tenant, expires }: AddFlags): Omit<StoredToken, 'hash'> => {
  const want = (what: string): TlogError => new TlogError('usage', `want ${what}`)
  if (!/^[A-Za-z0-9._@/-]{1,64}$/.test(label)) throw want('a label of 1 to 64 letters, digits and . _ @ / -')
  if (source !== undefined && role !== 'append') throw want(`--source with --role append only, got --role ${role}`)
  if (source !== undefined && !isTokenSource(source))
    throw want('a --source of 1 to 64 of a-z, 0-9, . _ : / -, and not the name of the log itself, treehead')
  if (tenant !== undefined && role === 'admin')
    throw want('no --tenant with --role admin, which is about the whole log')
  if (tenant !== undefined && !isTenantName(tenant)) throw want('a --tenant of 1 to 64 of a-z, 0-9, . _ -')
  const rights = {
    role,
    label,
    ...(source !== undefined && { source }),
    ...(tenant !== undefined && { tenant }),
    ...(expires !== undefined && { expires: parseExpires(expires, Date.now()) }),
  }
  // Raw entries are of no tenant and events of one source: such a token could do nothing at all.
  if (role === 'append' && tenant !== undefined && sourceOfToken(rights) === undefined)
    throw want(`--source beside --tenant: no source can have the name ${label}`)
  return rights
}

/** `--expires` as it stands in the file. Throws `usage` for what is no time, and for one that has passed. */
const parseExpires = (text: string, now: number): string => {
  const expires = asUsage('--expires', () => (/^[0-9]+[a-z]$/.test(text) ? timeIn(parseDuration(text), now) : text))
  if (!isExpiry(expires))
    throw new TlogError('usage', 'want --expires as a time such as 2027-01-31T00:00:00Z, or as 12h or 90d from now')
  if (expiryOf({ expires }) <= now) throw new TlogError('usage', `want a time to come for --expires, got ${expires}`)
  return expires
}

/** The time in so many seconds, in whole seconds. */
const timeIn = (seconds: number, now: number): string =>
  new Date(now + seconds * 1_000).toISOString().replace(/\.[0-9]+Z$/, 'Z')

const listTokens = (): Command =>
  teach(new Command('list'), {
    summary: 'list the tokens: role, label, the start of the hash, and what they are bound to',
    about:
      'Lists the tokens of the data folder. The tokens themselves are not kept, so they cannot be listed; of their hashes the start is shown, which tells them apart. source= is the one source whose events a token sends.',
    examples: [
      ['for people', 'treehead token list'],
      ['for scripts', 'treehead token list --json'],
    ],
    codes: [],
  })
    .addOption(dataFlag())
    .addOption(jsonFlag())
    .action(async ({ data, json }: TokenFlags) => {
      const now = Date.now()
      const tokens = (await readTokens(data)).map((token) => describe(token, now))
      await print(json ? `${JSON.stringify(tokens)}\n` : tokens.map(formatDescribed).join(''))
    })

/** What is shown of a token. */
type Described = ReturnType<typeof describe>

const describe = (token: StoredToken, now: number) => {
  const { role, label, hash, tenant, expires } = token
  const source = sourceOfToken(token)
  return {
    role,
    label,
    hashStart: encodeHex(hash).slice(0, 8),
    ...(source !== undefined && { source }),
    ...(tenant !== undefined && { tenant }),
    ...(expires !== undefined && { expires, expired: expiryOf(token) <= now }),
  }
}

const formatDescribed = ({ role, label, hashStart, expired = false, ...bounds }: Described): string =>
  `${role} ${printable(label)} ${hashStart}…${formatAttributes(bounds)}${expired ? ' (expired)' : ''}\n`

const revokeToken = (): Command =>
  teach(new Command('revoke').alias('remove'), {
    summary: 'revoke a token, so that it no longer counts',
    about:
      'Removes the token with that label from the data folder. What was added with it stays in the log, as all does.',
    examples: [
      ['a producer that is gone', 'treehead token revoke --label billing'],
      ['of a log elsewhere', 'treehead token revoke --label shell --data level:./treehead-data'],
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
  say(SEEN_SOON)
}
