/** Equal hashes within a batch are found, whatever they have in common with others. */
import { describe, expect, it } from 'vitest'
import { firstEqual } from '../../src/log/first-equal.ts'

/** 32-byte hashes in one array, by name; the same name is the same hash. */
const hashes = (names: readonly string[]): Uint8Array => {
  const all = new Uint8Array(32 * names.length)
  for (const [i, name] of names.entries()) all.set(new TextEncoder().encode(name.padEnd(32, '.')), 32 * i)
  return all
}

const expected = (names: readonly string[]): readonly number[] => names.map((name) => names.indexOf(name))

describe('the first of equal hashes', () => {
  it.each<[string, readonly string[]]>([
    ['no hashes', []],
    ['one', ['a']],
    ['all the same', ['a', 'a', 'a', 'a', 'a']],
    ['all different', ['a', 'b', 'c', 'd']],
    ['some again', ['a', 'b', 'a', 'c', 'b', 'a', 'd', 'c']],
    ['different only in the last of 32 bytes', ['x'.repeat(32), `${'x'.repeat(31)}y`, 'x'.repeat(32)]],
    ['different only in the first byte', [`a${'x'.repeat(31)}`, `b${'x'.repeat(31)}`, `a${'x'.repeat(31)}`]],
  ])('of %s', (_, names) => {
    expect([...firstEqual(hashes(names))]).toEqual(expected(names))
  })

  it('of those that begin alike, when only their beginnings count', () => {
    const names = ['twelve bytes, a', 'twelve bytes, b', 'twelve bytex, a', 'twelve bytes, a']
    expect([...firstEqual(hashes(names), 12)]).toEqual([0, 0, 2, 0])
    expect([...firstEqual(hashes(names))]).toEqual([0, 1, 2, 0])
  })

  it('of thousands that all begin alike, every third one twice', () => {
    const names = Array.from({ length: 3_000 }, (_, i) => `same${i % 3 === 2 ? i - 1 : i}`)
    expect([...firstEqual(hashes(names))]).toEqual(expected(names))
  })

  it('in an array that is a part of another', () => {
    const all = hashes(['z', 'a', 'b', 'a', 'z'])
    expect([...firstEqual(all.subarray(32, 128))]).toEqual([0, 1, 0])
  })
})
