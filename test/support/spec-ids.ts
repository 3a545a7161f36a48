/** Ids of requirements: where the pages of spec/ define them, and where the titles of tests cite them. */
import ts from 'typescript'

/** The ids that a page defines: list items or paragraphs that begin with `**[SEQ-1]**`. */
export const requirementIds = (page: string): readonly string[] =>
  [...page.matchAll(/^(?:[-*] )?\*\*\[([A-Z]+-?[0-9]+)\]\*\*/gm)].map(([, id = '']) => id)

/** The ids in a title. */
export const idsOf = (title: string): readonly string[] =>
  [...title.matchAll(/\[([A-Z]+-?[0-9]+)\]/g)].map(([, id = '']) => id)

/** The titles of the tests and groups in a test file, variable parts left out. */
export const testTitles = (path: string, text: string): readonly string[] => {
  const titles: string[] = []
  const visit = (node: ts.Node): void => {
    const title = ts.isCallExpression(node) && isTest(node.expression) ? node.arguments[0] : undefined
    if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text)
    if (title !== undefined && ts.isTemplateExpression(title)) {
      titles.push([title.head, ...title.templateSpans.map(({ literal }) => literal)].map((part) => part.text).join(''))
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest))
  return titles
}

/** `it`, `it.each(rows)`, `describe.skipIf(…)` and so on. */
const isTest = (callee: ts.Expression): boolean => {
  if (ts.isIdentifier(callee)) return ['it', 'test', 'describe'].includes(callee.text)
  return (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) && isTest(callee.expression)
}
