/** What a TypeScript file says, read with the compiler's own parser, so that comments and strings mislead nobody. */
import ts from 'typescript'

/** One import or re-export, as it is written. */
export interface ImportFact {
  readonly specifier: string
  readonly line: number
}

/** A word of the code (never of a comment or string): a name that is read, or one of `async`, `await`. */
export interface WordFact {
  readonly word: string
  readonly line: number
}

/** What the rules ask about a file. */
export interface SourceFacts {
  readonly lines: number
  /** Whether line 1, or line 2 after a shebang, opens a doc comment. */
  readonly startsWithDoc: boolean
  readonly imports: readonly ImportFact[]
  readonly words: readonly WordFact[]
  /** Lines of exported declarations without a doc comment that ends on the line above. */
  readonly undocumentedExports: readonly number[]
  readonly defaultExports: readonly number[]
  /** Lines that hand on what another file declares. */
  readonly reExports: readonly number[]
}

/** Reads one file's text. */
export const readFacts = (path: string, text: string): SourceFacts => {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const lineOf = (position: number): number => file.getLineAndCharacterOfPosition(position).line + 1
  const linesOf = (nodes: readonly ts.Node[]): number[] => nodes.map((node) => lineOf(node.getStart(file)))
  const all = [...descendants(file)]
  const exported = file.statements.filter(isExported)
  return {
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    startsWithDoc: text.replace(/^#![^\n]*\n/, '').startsWith('/**'),
    imports: all.flatMap((node) => {
      const specifier = specifierOf(node)
      return specifier === undefined ? [] : [{ specifier, line: lineOf(node.getStart(file)) }]
    }),
    words: all.flatMap((node) => wordsOf(node).map((word) => ({ word, line: lineOf(node.getStart(file)) }))),
    undocumentedExports: linesOf(exported.filter((node) => !isDocumented(file, node, lineOf))),
    defaultExports: linesOf(file.statements.filter(isDefaultExport)),
    reExports: linesOf(file.statements.filter((node) => handsOn(file, node))),
  }
}

// Doc comments hang beside the children, so none of their words is taken for code.
function* descendants(node: ts.Node): Generator<ts.Node> {
  yield node
  const children: ts.Node[] = []
  ts.forEachChild(node, (child) => void children.push(child))
  for (const child of children) yield* descendants(child)
}

/** The module that `import`, `export … from`, `import()` or a type `import('…')` names. */
const specifierOf = (node: ts.Node): string | undefined => {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier)
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return textOf(node.arguments[0]) ?? '(computed)'
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return textOf(node.argument.literal)
  return undefined
}

const textOf = (node: ts.Node | undefined): string | undefined =>
  node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined

/** A node's own words: names, `Math.random` (also of `globalThis.Math.random`), `new Date()`; never a property's bare name. */
const wordsOf = (node: ts.Node): readonly string[] => {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return ['async']
  if (ts.isAwaitExpression(node) || node.kind === ts.SyntaxKind.AwaitKeyword) return ['await']
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && !node.arguments?.length) {
    return [`new ${node.expression.text}()`]
  }
  if (ts.isPropertyAccessExpression(node)) {
    if (isGlobal(node.expression)) return [node.name.text]
    const holder = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression
    return ts.isIdentifier(holder) ? [`${holder.text}.${node.name.text}`] : []
  }
  return ts.isIdentifier(node) && !isPropertyName(node) ? [node.text] : []
}

const isGlobal = (node: ts.Expression): boolean => ts.isIdentifier(node) && node.text === 'globalThis'

const isPropertyName = (node: ts.Identifier): boolean => {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) return parent.name === node
  if (ts.isQualifiedName(parent)) return parent.right === node
  if (ts.isBindingElement(parent) || ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) {
    return parent.propertyName === node
  }
  return ts.isTypeElement(parent) || ts.isClassElement(parent)
}

const modifiersOf = (node: ts.Statement): readonly ts.Modifier[] =>
  ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []

const isExported = (node: ts.Statement): boolean =>
  modifiersOf(node).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) && !isLaterOverload(node)

/** The signatures of an overloaded function share the comment above the first. */
const isLaterOverload = (node: ts.Statement): boolean => {
  if (!ts.isFunctionDeclaration(node)) return false
  const { statements } = node.getSourceFile()
  const before = statements[statements.indexOf(node) - 1]
  return before !== undefined && ts.isFunctionDeclaration(before) && before.name?.text === node.name?.text
}

const isDocumented = (file: ts.SourceFile, node: ts.Statement, lineOf: (position: number) => number): boolean => {
  const comment = ts.getJSDocCommentsAndTags(node).findLast(ts.isJSDoc)
  return comment !== undefined && lineOf(comment.end) === lineOf(node.getStart(file)) - 1
}

const isDefaultExport = (node: ts.Statement): boolean =>
  ts.isExportAssignment(node) ||
  modifiersOf(node).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ||
  namedExports(node).some(({ name }) => name.text === 'default')

const namedExports = (node: ts.Statement): readonly ts.ExportSpecifier[] =>
  ts.isExportDeclaration(node) && node.exportClause !== undefined && ts.isNamedExports(node.exportClause)
    ? [...node.exportClause.elements]
    : []

/** `export … from`, and `export { x }` of an `x` that was imported. */
const handsOn = (file: ts.SourceFile, node: ts.Statement): boolean => {
  if (!ts.isExportDeclaration(node)) return false
  if (node.moduleSpecifier !== undefined) return true
  const imported = new Set(file.statements.flatMap(importedNames))
  return namedExports(node).some(({ name, propertyName }) => imported.has((propertyName ?? name).text))
}

const importedNames = (node: ts.Statement): readonly string[] => {
  if (!ts.isImportDeclaration(node) || node.importClause === undefined) return []
  const { name, namedBindings } = node.importClause
  const names = name === undefined ? [] : [name.text]
  if (namedBindings === undefined) return names
  if (ts.isNamespaceImport(namedBindings)) return [...names, namedBindings.name.text]
  return [...names, ...namedBindings.elements.map((element) => element.name.text)]
}
