/** What a test needs from outside the repository: absent means "skip and say so" at a desk, and "fail" in CI. */

/** True when nothing may be skipped: in CI, or when TREEHEAD_NO_SKIPS=1. */
export const noSkips = (): boolean => process.env['CI'] === 'true' || process.env['TREEHEAD_NO_SKIPS'] === '1'

/** How the line begins that says why tests are skipped; the reporter gathers these lines at the end of a run. */
export const SKIPPED_FOR = 'skipped for lack of '

/**
 * Returns `available`. When it is false, prints why the tests are skipped, or throws where nothing may be skipped.
 * `what` names the missing thing and how to get it: `'strace (apt-get install strace)'`.
 *
 *     describe.skipIf(!requireOrSkip('Go tools (test/interop/tools.sh)', existsSync(fsck)))('fsck', () => { ... })
 */
export const requireOrSkip = (what: string, available: boolean): boolean => {
  if (available) return true
  if (noSkips()) throw new Error(`missing: ${what}; nothing may be skipped in this run`)
  console.warn(`${SKIPPED_FOR}${what}`)
  return false
}
