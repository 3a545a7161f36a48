/** What a started server prints: who it is, and commands that work as printed, from another terminal in the same folder. */

/** What is known once the server listens. */
export interface Welcome {
  readonly url: string
  readonly origin: string
  readonly vkey: string
  /** The value of --data. */
  readonly data: string
  /** What a producer has to show, or that nobody is asked. */
  readonly access:
    | { readonly kind: 'open' }
    /** Made just now: printed this once. `file` is where a copy lies, if anywhere. */
    | { readonly kind: 'new token'; readonly token: string; readonly file: string | undefined }
    | { readonly kind: 'token file'; readonly file: string }
}

/** The text, with a newline at its end. */
export const formatWelcome = (welcome: Welcome): string => {
  const { url, origin, vkey, data } = welcome
  const key = shellWord(vkey)
  return `Treehead is listening on ${url}

  origin  ${origin}
  vkey    ${vkey}
  data    ${data}
  token   ${tokenLine(welcome)}

Append a first entry, from another terminal in this folder, in either way:

  printf 'hello' > hello.txt
  curl -sS ${curlHeader(welcome)}--data-binary @hello.txt ${url}/add
  npx treehead add hello.txt --url ${url}${tokenFlag(welcome)}

Verify it; the second step is offline and trusts only the vkey:

  npx treehead prove --entry hello.txt --out hello.proof --url ${url} --vkey ${key} && npx treehead verify hello.proof --entry hello.txt --vkey ${key}

The API is described at ${url}/docs
`
}

const tokenLine = ({ access }: Welcome): string => {
  if (access.kind === 'open') return 'none is asked for (--open)'
  if (access.kind === 'token file') return `in ${access.file}`
  return access.file === undefined ? access.token : `${access.token} (kept in ${access.file})`
}

const curlHeader = ({ access }: Welcome): string => {
  if (access.kind === 'open') return ''
  if (access.kind === 'new token') return `-H 'Authorization: Bearer ${access.token}' `
  return `-H "Authorization: Bearer $(cat ${shellWord(access.file)})" `
}

const tokenFlag = ({ access }: Welcome): string => {
  if (access.kind === 'open') return ' --token none'
  if (access.kind === 'new token' && access.file === undefined) return ` --token ${access.token}`
  return ` --token-file ${shellWord(access.file ?? '')}`
}

/** A word as a POSIX shell reads it: in quotes where it has anything that could mean something. */
export const shellWord = (text: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
