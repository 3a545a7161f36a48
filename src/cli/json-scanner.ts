/** Walks over JSON bytes by the letter of RFC 8259 and answers where values lie, never what they would become. */
import { decodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'

/** The bytes from `start` up to but not including `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Deeper nesting is refused. RFC 8259 section 9 allows a limit; no record that people write comes near this one. */
export const MAX_JSON_DEPTH = 512

const QUOTE = 0x22
const BACKSLASH = 0x5c
const literals: ReadonlyMap<number, string> = new Map([
  [0x74, 'true'],
  [0x66, 'false'],
  [0x6e, 'null'],
])

/** Stands at one byte of a JSON text. Each method throws `malformed`, naming the offset, for what RFC 8259 does not allow. */
export class JsonScanner {
  readonly #bytes: Uint8Array
  #at = 0
  #depth = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The offset of the byte it stands at. */
  get at(): number {
    return this.#at
  }

  /** The kind of the value it stands at, by its first byte; it does not move but over white space. */
  kind(): 'object' | 'array' | 'other' {
    this.#skipSpace()
    const byte = this.#bytes[this.#at]
    return byte === 0x7b ? 'object' : byte === 0x5b ? 'array' : 'other'
  }

  /** Passes white space and one value; answers where the value lies. */
  value(): ByteRange {
    this.#skipSpace()
    const start = this.#at
    const byte = this.#bytes[start]
    if (byte === 0x7b) this.members(() => void this.value())
    else if (byte === 0x5b) this.elements(() => void this.value())
    else if (byte === QUOTE) this.#string()
    else if (byte !== undefined && literals.has(byte)) this.#literal(literals.get(byte) ?? '')
    else this.#number()
    return { start, end: this.#at }
  }

  /** Passes an object; `visit` gets each member's name as it reads after unescaping, and has to pass its value. */
  members(visit: (name: string) => void): void {
    this.#list(0x7b, 0x7d, () => {
      this.#skipSpace()
      const name = this.#string()
      this.#skipSpace()
      this.#expect(0x3a, '":" after a name')
      visit(name())
    })
  }

  /** Passes an array; `visit` gets each element's position, and has to pass it. */
  elements(visit: (position: number) => void): void {
    let position = 0
    this.#list(0x5b, 0x5d, () => visit(position++))
  }

  /** Passes white space to the end of the text. */
  end(): void {
    this.#skipSpace()
    if (this.#at < this.#bytes.length) throw this.#wrong('the end of the text')
  }

  #list(open: number, close: number, item: () => void): void {
    this.#skipSpace()
    this.#expect(open, `"${String.fromCharCode(open)}"`)
    if (++this.#depth > MAX_JSON_DEPTH) throw this.#wrong(`at most ${MAX_JSON_DEPTH} levels of nesting`)
    this.#skipSpace()
    if (this.#bytes[this.#at] === close) this.#at++
    else {
      for (;;) {
        item()
        this.#skipSpace()
        if (this.#bytes[this.#at] === close) break
        this.#expect(0x2c, `"," or "${String.fromCharCode(close)}"`)
      }
      this.#at++
    }
    this.#depth--
  }

  #skipSpace(): void {
    // spec: ws = *( %x20 / %x09 / %x0A / %x0D )
    for (;;) {
      const byte = this.#bytes[this.#at]
      if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return
      this.#at++
    }
  }

  /** Passes a string; what it answers unescapes it, which only names on the way of a pointer need. */
  #string(): () => string {
    const start = this.#at
    this.#expect(QUOTE, 'a string')
    let ascii = true
    for (;;) {
      const byte = this.#bytes[this.#at]
      // spec: All Unicode characters may be placed within the quotation marks, except for the characters that MUST be
      // escaped: quotation mark, reverse solidus, and the control characters (U+0000 through U+001F).
      if (byte === undefined || byte < 0x20) throw this.#wrong('a character of a string')
      if (byte === QUOTE) break
      if (byte === BACKSLASH) this.#escape()
      else {
        if (byte >= 0x80) ascii = false
        this.#at++
      }
    }
    const raw = this.#bytes.subarray(start, ++this.#at)
    // spec: JSON text exchanged between systems that are not part of a closed ecosystem MUST be encoded using UTF-8.
    const text = ascii ? undefined : this.#utf8(raw, start)
    return () => JSON.parse(text ?? decodeUtf8(raw)) as string
  }

  #utf8(raw: Uint8Array, start: number): string {
    try {
      return decodeUtf8(raw)
    } catch (cause) {
      throw new TlogError('malformed', `byte ${start}: the string that starts here is not UTF-8`, { cause })
    }
  }

  #escape(): void {
    this.#at++
    const byte = this.#bytes[this.#at]
    if (byte === undefined || !'"\\/bfnrtu'.includes(String.fromCharCode(byte))) throw this.#wrong('an escape')
    this.#at++
    if (byte !== 0x75) return
    for (let i = 0; i < 4; i++, this.#at++) if (!isHexDigit(this.#bytes[this.#at])) throw this.#wrong('a hex digit')
  }

  #literal(word: string): void {
    for (let i = 0; i < word.length; i++) this.#expect(word.charCodeAt(i), word)
  }

  #number(): void {
    // spec: number = [ minus ] int [ frac ] [ exp ]
    if (this.#bytes[this.#at] === 0x2d) this.#at++
    // spec: Leading zeros are not allowed.
    if (this.#bytes[this.#at] === 0x30) this.#at++
    else this.#digits('a value')
    if (this.#bytes[this.#at] === 0x2e) {
      this.#at++
      this.#digits('a digit')
    }
    if (this.#bytes[this.#at] !== 0x65 && this.#bytes[this.#at] !== 0x45) return
    this.#at++
    if (this.#bytes[this.#at] === 0x2b || this.#bytes[this.#at] === 0x2d) this.#at++
    this.#digits('a digit')
  }

  #digits(want: string): void {
    if (!isDigit(this.#bytes[this.#at])) throw this.#wrong(want)
    while (isDigit(this.#bytes[this.#at])) this.#at++
  }

  #expect(byte: number, want: string): void {
    if (this.#bytes[this.#at] !== byte) throw this.#wrong(want)
    this.#at++
  }

  #wrong(want: string): TlogError {
    const byte = this.#bytes[this.#at]
    const got =
      byte === undefined
        ? 'the end of the text'
        : byte > 0x20 && byte < 0x7f
          ? JSON.stringify(String.fromCharCode(byte))
          : `byte 0x${byte.toString(16).padStart(2, '0')}`
    return new TlogError('malformed', `byte ${this.#at}: want ${want}, got ${got}`)
  }
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

const isHexDigit = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && ((byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)))
