/** What the tests of our pages need of Markdown: fenced blocks with the comment above them, and links. */

/** What the comment above a fence says: `<!-- run: name -->` or `<!-- not run: reason -->`. */
export type Directive =
  | { readonly kind: 'run'; readonly name: string }
  | { readonly kind: 'not run'; readonly reason: string }

/** One fenced block. */
export interface Block {
  readonly language: string
  readonly text: string
  /** The line of the opening fence. */
  readonly line: number
  readonly directive: Directive | undefined
}

/** The fenced blocks of a page in order. Throws for a fence that is not closed. */
export const fencedBlocks = (page: string): readonly Block[] => {
  const lines = page.split('\n')
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const [, language] = /^```(\S*)\s*$/.exec(lines[at] ?? '') ?? []
    if (language === undefined) continue
    const end = lines.indexOf('```', at + 1)
    if (end === -1) throw new Error(`line ${at + 1}: a fence that is not closed`)
    const text = lines.slice(at + 1, end).join('\n')
    blocks.push({ language, text, line: at + 1, directive: directiveOf(lines[at - 1] ?? '') })
    at = end
  }
  return blocks
}

const directiveOf = (line: string): Directive | undefined => {
  const [, kind, value = ''] = /^<!-- (run|not run): (.+) -->$/.exec(line) ?? []
  if (kind === undefined) return undefined
  return kind === 'run' ? { kind, name: value } : { kind: 'not run', reason: value }
}

/** The targets of a page's links that are neither web addresses nor places on the same page, without their fragments. */
export const relativeLinks = (page: string): readonly string[] =>
  [...page.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target))

/** A command of a shell block and, where the block shows them, the lines it prints. */
export interface Step {
  readonly command: string
  readonly output: readonly string[] | undefined
}

/**
 * Splits a shell block. Where lines begin with `$ `, each is a command and the lines below are its output, in which `…`
 * stands for anything; else the whole block is one script.
 */
export const shellSteps = (text: string): readonly Step[] => {
  if (!text.startsWith('$ ')) return [{ command: text, output: undefined }]
  return text
    .slice(2)
    .split('\n$ ')
    .map((part) => {
      const [command = '', ...output] = part.split('\n')
      return { command, output }
    })
}

/** Whether `printed` is what a page shows, `…` standing for anything, also for whole lines. */
export const matchesOutput = (shown: readonly string[], printed: string): boolean => {
  const literal = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')
  const pattern = shown
    .map((line) => line.trimEnd())
    .join('\n')
    .split('…')
    .map(literal)
    .join('[^]*')
  return new RegExp(`^${pattern}$`).test(printed.trimEnd())
}
