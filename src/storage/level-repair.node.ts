/** A new manifest for a LevelDB whose own one names tables that a power cut took away. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { syncFolder } from './files.node.ts'

/** The types of `level` are those that it has in browsers too, where nothing can be repaired. */
const onNode = Level as unknown as { repair(location: string): Promise<void> }

/**
 * True for the failure of an open that `repairLevel` may help. The manifest of LevelDB can reach the disk before the names of
 * the tables in it do; the records of those tables are then still in a log file that the manifest calls old.
 */
export const isRepairable = (error: unknown): boolean =>
  isTlogError(error, 'corrupt') && /missing files/.test(error.message)

/**
 * Makes a new manifest from the tables and log files that are there. What it finds is what was written; whether that is all
 * of it the caller has to check. Nothing else may have the database open. Rejects with `io`.
 */
export const repairLevel = async (location: string): Promise<void> => {
  try {
    await onNode.repair(location)
    // Here it puts what it has read, as if that were not to be trusted; what was salvaged stands in new tables.
    await rm(join(location, 'lost'), { recursive: true, force: true })
    await syncFolder(location)
  } catch (cause) {
    throw new TlogError('io', `LevelDB could not repair ${location}`, { cause })
  }
}
