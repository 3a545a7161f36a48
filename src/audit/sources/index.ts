/** The formats that deliveries may have. A new one is a file and a line here. */
import { cloudtrail } from './cloudtrail.ts'
import type { SourceFormat } from './source.ts'

/** All formats. */
export const sourceFormats: readonly SourceFormat[] = [cloudtrail]

/** The format of a name; undefined when there is none. */
export const sourceFormat = (name: string): SourceFormat | undefined =>
  sourceFormats.find((format) => format.name === name)
