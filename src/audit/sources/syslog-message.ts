/** The syntax of syslog messages (RFC 5424 section 6). */

/** A message taken apart; what is NILVALUE in it is undefined. */
export interface SyslogMessage {
  readonly facility: number
  readonly severity: number
  readonly timestamp: string | undefined
  readonly host: string | undefined
  readonly app: string | undefined
  readonly processId: string | undefined
  readonly messageId: string | undefined
  /** Structured data: SD-ID, then name, then value. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly text: string | undefined
}

// spec: HEADER = PRI VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID
const HEADER =
  /^<(0|[1-9]\d{0,2})>1 ([\x21-\x7e]{1,40}) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) /

/** Takes a message apart; answers why it cannot where it is none. */
export const parseSyslog = (text: string): SyslogMessage | string => {
  const [header, priority = '', ...fields] = HEADER.exec(text) ?? []
  if (header === undefined) return 'want the header of RFC 5424: <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID'
  if (Number(priority) > 191) return `want a priority up to 191, got ${priority}`
  const data = structuredData(text, header.length)
  if (typeof data === 'string') return data
  const { elements, end } = data
  if (end < text.length && text[end] !== ' ') return `want a space behind the structured data, at ${end}`
  // spec: MSG-UTF8 = BOM UTF-8-STRING
  const message = text.slice(end + 1).replace(/^\ufeff/, '')
  const [timestamp, host, app, processId, messageId] = fields.map((field) => (field === '-' ? undefined : field))
  return {
    facility: Math.floor(Number(priority) / 8),
    severity: Number(priority) % 8,
    timestamp,
    host,
    app,
    processId,
    messageId,
    elements,
    text: message === '' ? undefined : message,
  }
}

interface StructuredData {
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly end: number
}

// spec: SD-NAME = 1*32PRINTUSASCII ; except '=', SP, ']', %d34 (")
const NAME = /[^\s=\]"]{1,32}/y

const nameAt = (text: string, at: number): string | undefined => {
  NAME.lastIndex = at
  return NAME.exec(text)?.[0]
}

/** spec: STRUCTURED-DATA = NILVALUE / 1*SD-ELEMENT */
const structuredData = (text: string, start: number): StructuredData | string => {
  if (text[start] === '-') return { elements: new Map(), end: start + 1 }
  const elements = new Map<string, ReadonlyMap<string, string>>()
  let at = start
  do {
    const id = text[at] === '[' ? nameAt(text, at + 1) : undefined
    if (id === undefined) return `want structured data or "-", at ${at}`
    const element = parametersAt(text, at + 1 + id.length)
    if (typeof element === 'string') return element
    // spec: The same SD-ID MUST NOT exist more than once in a message.
    if (elements.has(id)) return `structured data ${id} is there twice`
    elements.set(id, element.parameters)
    at = element.end
  } while (text[at] === '[')
  return { elements, end: at }
}

interface Parameters {
  readonly parameters: ReadonlyMap<string, string>
  readonly end: number
}

/** spec: SD-ELEMENT = "[" SD-ID *(SP SD-PARAM) "]" */
const parametersAt = (text: string, start: number): Parameters | string => {
  const parameters = new Map<string, string>()
  let at = start
  while (text[at] === ' ') {
    const name = nameAt(text, at + 1)
    if (name === undefined || !text.startsWith('="', at + 1 + name.length)) return `want a parameter, at ${at}`
    const open = at + name.length + 3
    const close = endOfValue(text, open)
    if (close === undefined) return `want the end of a value, from ${open}`
    // spec: the characters '"', '\' and ']' MUST be escaped; a backslash before any other is a backslash. A name may be
    // there more than once: the first counts, so that nothing added behind it changes what it says.
    if (!parameters.has(name)) parameters.set(name, text.slice(open, close).replaceAll(/\\(["\\\]])/g, '$1'))
    at = close + 1
  }
  return text[at] === ']' ? { parameters, end: at + 1 } : `want "]", at ${at}`
}

const endOfValue = (text: string, start: number): number | undefined => {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
    else if (text[at] === ']') return undefined
  }
  return undefined
}
