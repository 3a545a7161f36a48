/** Every requirement of spec/ is in the title of a test that tries to break it, and no title cites what is not there. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repositoryRoot } from './support/root.ts'
import { idsOf, requirementIds, testTitles } from './support/spec-ids.ts'

const filesBelow = (folder: string, ending: string): readonly string[] =>
  readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(folder, path))
    .toSorted()

const textOf = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8')

const defined = filesBelow('spec', '.md').flatMap((path) => requirementIds(textOf(path)))
const cited = new Set(
  filesBelow('test', '.test.ts').flatMap((path) => testTitles(path, textOf(path)).flatMap((title) => idsOf(title))),
)

describe('the requirements of spec/', () => {
  it('are there', () => {
    expect(defined.length).toBeGreaterThan(40)
  })

  it('have one definition each', () => {
    expect(defined.filter((id, i) => defined.indexOf(id) !== i)).toEqual([])
  })

  it('are each cited by the title of a test', () => {
    expect(defined.filter((id) => !cited.has(id))).toEqual([])
  })

  it('are all that titles cite', () => {
    expect([...cited].filter((id) => !defined.includes(id))).toEqual([])
  })
})

describe('what is read of pages and titles', () => {
  it('is the id that a line of a page defines, not those that it mentions', () => {
    const page =
      '- **[SEQ-1]** An append MUST [SEQ-2].\n**[GATE-12]** x\n  see [LEDGER-1]\n    **[NOT-1]** a code block\n'
    expect(requirementIds(page)).toEqual(['SEQ-1', 'GATE-12'])
  })

  it('is every id in the title of a test or a group, however it is made', () => {
    const code = `
      describe.skipIf(!x())("[A-1] group", () => {
        it('[A-2] [A-3] two', () => {})
        it.each(rows)(\`[A-4] row \${x} [A-5]\`, () => {})
        test.concurrent('[S27] a test', async () => {})
        expect('[A-6]').toBe('[A-7]') // it('[A-8]')
      })`
    expect(testTitles('x.test.ts', code).flatMap(idsOf)).toEqual(['A-1', 'A-2', 'A-3', 'A-4', 'A-5', 'S27'])
  })
})
