/** Which characters the names and texts of notes may hold (c2sp.org/signed-note). */
import { TlogError } from '../primitives/error.ts'

/** True for a key name that a note can carry. */
export const isKeyName = (name: string): boolean =>
  // spec: Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B) characters.
  name !== '' && !/[\p{White_Space}+]/u.test(name) && isEncodable(name)

/** Throws `malformed` for a key name that no note can carry. */
export const assertKeyName = (name: string): void => {
  if (isKeyName(name)) return
  const shown = JSON.stringify(name.slice(0, 64))
  throw new TlogError('malformed', `a key name is not empty and has no spaces, pluses or controls, got ${shown}`)
}

/** Throws `malformed` unless `text` can be signed: it ends in a newline and has no other controls. */
export const assertNoteText = (text: string): void => {
  if (!text.endsWith('\n')) throw new TlogError('malformed', 'note text does not end in a newline')
  if (!isEncodable(text)) throw new TlogError('malformed', 'note text has control characters or is not Unicode')
}

// spec: Signed notes MUST be valid UTF-8 and MUST NOT contain any ASCII control characters (those below U+0020) other
// than newline.
const isEncodable = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 && unit !== 0x0a) return false
  }
  // A lone surrogate has no UTF-8, and would be signed as U+FFFD.
  return !/\p{Surrogate}/u.test(text)
}
