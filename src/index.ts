/** The public face of Treehead on Node. */
export type { ErrorCode } from './primitives/error.ts'
export { TlogError } from './primitives/error.ts'
