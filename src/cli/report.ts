/** Errors as people at a terminal read them: one line, what to do, and an exit code. */
import { RefusedError } from '../log/refusal.ts'
import { TlogError } from '../primitives/error.ts'

/** Exit codes; documented in `treehead --help`. */
export const exitCodes = { done: 0, unverified: 1, usage: 2, refused: 3, unavailable: 4, failStop: 70 } as const

/** What each exit code says, for `--help`. */
export const exitCodeHelp: Readonly<Record<number, string>> = {
  [exitCodes.done]: 'done, and verified where there was something to verify',
  [exitCodes.unverified]: 'verification failed, or what was asked for is not there',
  [exitCodes.usage]: 'wrong use: a flag, a file or a token',
  [exitCodes.refused]: 'refused, for a reason that is named and can be mended',
  [exitCodes.unavailable]: 'not reachable, too busy, or a file could not be written: try again',
  [exitCodes.failStop]: 'a write of the log failed and it stopped, or a bug',
}

/** Prints the error on standard error and answers the exit code it stands for. */
export const report = (error: unknown): number => {
  process.stderr.write(`${lineOf(error)}\n`)
  return exitCodeOf(error)
}

const lineOf = (error: unknown): string => {
  if (error instanceof RefusedError) return `treehead: ${printable(error.message)}\n  what helps: ${error.help}`
  if (error instanceof TlogError) return `treehead: ${error.code}: ${printable(error.message)}`
  return `treehead: internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}

/** Text from elsewhere on one line, with everything escaped that could steer a terminal. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)

const exitCodeOf = (error: unknown): number => {
  if (!(error instanceof TlogError)) return exitCodes.failStop
  switch (error.code) {
    case 'usage':
    case 'too_large':
    case 'unauthorized':
    case 'forbidden':
      return exitCodes.usage
    case 'refused':
      return exitCodes.refused
    case 'io':
    case 'pushback':
    case 'unknown_outcome':
    case 'poisoned':
    case 'conflict':
      return exitCodes.unavailable
    // Flags and files of the caller are `usage`; what is malformed here came from a log.
    case 'malformed':
    case 'bad_proof':
    case 'bad_signature':
    case 'untrusted':
    case 'wrong_origin':
    case 'inconsistent':
    case 'not_found':
    case 'out_of_range':
    case 'corrupt':
      return exitCodes.unverified
  }
}
