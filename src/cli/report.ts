/** Errors as people at a terminal read them: one line, what to do, and an exit code. */
import { RefusedError } from '../log/refusal.ts'
import { TlogError } from '../primitives/error.ts'

/** Exit codes; documented in `treehead --help`. */
export const exitCodes = { done: 0, unverified: 1, usage: 2, refused: 3, unavailable: 4, failStop: 70 } as const

/** Prints the error on standard error and answers the exit code it stands for. */
export const report = (error: unknown): number => {
  process.stderr.write(`${lineOf(error)}\n`)
  return exitCodeOf(error)
}

const lineOf = (error: unknown): string => {
  if (error instanceof RefusedError) return `treehead: ${error.message}\n  what helps: ${error.help}`
  if (error instanceof TlogError) return `treehead: ${error.code}: ${error.message}`
  return `treehead: internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}

const exitCodeOf = (error: unknown): number => {
  if (!(error instanceof TlogError)) return exitCodes.failStop
  switch (error.code) {
    case 'usage':
    case 'malformed':
    case 'too_large':
      return exitCodes.usage
    case 'refused':
      return exitCodes.refused
    case 'io':
    case 'pushback':
    case 'unknown_outcome':
    case 'poisoned':
    case 'unauthorized':
    case 'forbidden':
    case 'conflict':
      return exitCodes.unavailable
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
