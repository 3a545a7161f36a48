/** HTML out of values: everything that is put into a template is escaped, unless it is HTML already. */

/** Text that is HTML. Only `html` and `join` make it. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for between tags and for attributes in quotes. */
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')

/** A template: html`<b>${name}</b>`. */
export const html = (parts: TemplateStringsArray, ...values: readonly (Html | string | number)[]): Html =>
  new Html(
    parts.reduce((text, part, i) => {
      const value = values[i - 1] ?? ''
      return `${text}${value instanceof Html ? value.text : escapeHtml(String(value))}${part}`
    }),
  )

/** Pieces one after the other. */
export const join = (pieces: readonly Html[]): Html => new Html(pieces.map(({ text }) => text).join(''))
