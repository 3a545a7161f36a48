/** Headers that every answer carries. */

/** No guessing of types; any web page may read, since nothing here depends on who asks but for the token. */
export const standardHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Retry-After',
}
