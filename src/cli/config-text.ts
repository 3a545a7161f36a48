/** The configuration as texts: a commented TOML file of what is in effect, and the page of spec/ that lists the fields. */
import { type Field, type FieldKey, fieldKeys, fields, nameOf, type Resolved, variableOf } from './config.ts'

const fieldOf = (key: FieldKey): Field<unknown> => fields[key]

/** A TOML file that gives the same configuration again: each field with its documentation and where its value is from. */
export const formatConfig = ({ values, sources }: Resolved): string =>
  fieldKeys
    .map((key) => {
      const value = values[key]
      const name = nameOf(key)
      const line = value === undefined ? `# ${name} = ""` : `${name} = ${toToml(value)}`
      const from = value === undefined ? 'not set' : sources[key]
      return `${wrap(`${fieldOf(key).doc} (${from}; --${name}, ${variableOf(key)})`)}\n${line}\n`
    })
    .join('\n')

/** JSON's texts, numbers and booleans are TOML's too, but for one escape. */
const toToml = (value: string | number | boolean): string => JSON.stringify(value).replaceAll('\u007f', '\\u007F')

const wrap = (text: string): string => {
  const lines: string[] = []
  let line = '#'
  for (const word of text.split(' ')) {
    if (line.length + word.length > 99) {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return [...lines, line].join('\n')
}

/** The page `spec/configuration.md`. */
export const configurationPage = (): string => `# Configuration of \`treehead serve\`

This page is made from the table in \`src/cli/config.ts\`; a test compares the two.

- **[CFG-1]** Every field is a flag, an environment variable and a key of one TOML file, which \`--config FILE\` or
  \`TREEHEAD_CONFIG\` names; there is no file by default. Where several give a value, the flag counts before the
  variable, the variable before the file, and the file before the default. An empty variable counts as absent.
- **[CFG-2]** Unknown flags and keys MUST be refused, with the name that was probably meant, and so MUST a variable that
  differs from one of these in a single character.
- **[CFG-3]** Values are strict: an integer has digits only, a switch is \`true\` or \`false\` (as a flag it may stand
  alone), and a file has integers, texts and switches where this page says so.
- **[CFG-4]** \`treehead serve --print-config\` prints the configuration in effect as such a file, with a note where each
  value came from, and serves nothing. Given back with \`--config\`, the file means the same.
- **[CFG-5]** \`--open\` MUST be refused unless the address is a loopback address.

| key and flag | variable | value | default | |
|---|---|---|---|---|
${fieldKeys.map(row).join('\n')}
`

const row = (key: FieldKey): string => {
  const { placeholder, default: standard, doc } = fieldOf(key)
  const shown = standard === undefined ? '' : `\`${String(standard)}\``
  const value = placeholder.replaceAll(/[<>[\]]/g, '').replaceAll('|', ', ')
  return `| \`${nameOf(key)}\` | \`${variableOf(key)}\` | ${value} | ${shown} | ${doc} |`
}
