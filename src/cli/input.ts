/** What commands read: files of the caller, whose faults are wrong use and not a failed verification. */
import { readFile } from 'node:fs/promises'
import { TlogError } from '../primitives/error.ts'
import { STANDARD } from './output.ts'

/** The bytes of a file, or of standard input for `-`. Rejects with `usage` when it cannot be read. */
export const readInput = async (path: string): Promise<Uint8Array> => {
  if (path === STANDARD) return readStandardInput()
  return readFile(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
}

/** The text of a file without the newline at its end. Rejects with `usage`. */
export const readLine = async (path: string): Promise<string> =>
  new TextDecoder().decode(await readInput(path)).trimEnd()

/** The error for a file that cannot be read. */
export const unreadable = (path: string, cause: unknown): TlogError => {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  return new TlogError('usage', `cannot read ${path}: ${code}`, { cause })
}

/** Runs `parse` on something the caller gave; what it throws as TlogError or TypeError becomes `usage` with `what` in front. */
export const asUsage = <T>(what: string, parse: () => T): T => {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof TlogError || cause instanceof TypeError || cause instanceof RangeError)) throw cause
    throw new TlogError('usage', `${what}: ${cause.message}`, { cause })
  }
}

const readStandardInput = async (): Promise<Uint8Array> => {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
