/** Words and addresses, as they are found. */
import { describe, expect, it } from 'vitest'
import { addressTerms, rangeTerms } from '../../../src/audit/search/addresses.ts'
import { MAX_WORDS, Segment } from '../../../src/audit/search/segment.ts'
import { wordsOf } from '../../../src/audit/search/words.ts'
import { roleAssigned } from '../../support/memory-audit.ts'

describe('[SEARCH-4] words', () => {
  it.each([
    ['letters and digits', 'jdoe became Admin2', ['jdoe', 'became', 'admin2']],
    ['what separates them', 'u_42@example.com/CHG-1881', ['u', '42', 'example', 'com', 'chg', '1881']],
    ['nothing but separators', ' – _!', []],
    ['umlauts', 'Größe', ['grösse']],
    ['marks of their own', 'José', ['josé'.normalize('NFC')]],
    ['Cyrillic', 'Елена ИВАНОВА', ['елена', 'иванова']],
    ['a sigma within and at the end', 'ΟΔΟΣ ΟΔΟΣ.Α', ['οδοσ', 'οδοσ', 'α']],
    ['marks that no letter has room for', 'हिन्दी', ['हिन्दी']],
    ['a run of a script that does not separate words', '伊藤花子さん', ['伊藤花子さん']],
    ['wide letters', 'ＡＢＣ１２', ['abc12']],
    ['ligatures', 'oﬃce', ['office']],
  ])('are the same in any case: %s', (_, text, words) => {
    expect(wordsOf(text)).toEqual(words)
    for (const other of [text.toUpperCase(), text.toLowerCase(), text.normalize('NFD')])
      expect(wordsOf(other)).toEqual(words)
  })

  it('of one event are at most 512, those of its ids first', () => {
    const segment = new Segment(0)
    const msg = Array.from({ length: 2 * MAX_WORDS }, (_, i) => `m${i}`).join(' ')
    const involved = [{ type: 'role', id: 'roleid', name: 'rolename' }]
    segment.add({ index: 0, received: 1, source: 's', event: roleAssigned('one', { msg, with: involved }) })
    segment.add({ index: 1, received: 1, source: 's', event: roleAssigned('two', { msg: 'm0 m1023, M1023' }) })
    const found = [...segment.termsOf('word')].filter(([, term]) => segment.offsetsOf(term).includes(0))
    const words = found.map(([word]) => word)
    expect(words).toEqual(expect.arrayContaining(['one', 'roleid', 'rolename', 'jdoe', 'm0']))
    expect(words.length).toBeGreaterThan(MAX_WORDS - 20)
    expect(words.length).toBeLessThanOrEqual(MAX_WORDS)
    expect(segment.offsetsOf(segment.termsOf('word').get('m1023') ?? -1)).toEqual(Uint16Array.of(1))
  })
})

describe('[SEARCH-5] addresses', () => {
  const finds = (range: string, address: string): boolean => {
    const terms = new Set(addressTerms(address))
    return rangeTerms(range).filter((term) => terms.has(term)).length === 1
  }

  it.each([
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.8', false],
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['192.0.2.77/24', '192.0.2.1', true],
    ['192.0.0.0/22', '192.0.3.9', true],
    ['192.0.0.0/22', '192.0.4.9', false],
    ['128.0.0.0/1', '255.1.2.3', true],
    ['128.0.0.0/1', '127.1.2.3', false],
    ['0.0.0.0/0', '10.0.0.1', true],
    ['0.0.0.0/0', '::1', false],
    ['10.0.0.1/32', '10.0.0.1', true],
    ['10.0.0.0/31', '10.0.0.2', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '10.0.0.1', false],
    ['2001:db8::/32', '2001:0DB8:1::', true],
    ['2001:db8::/33', '2001:db8:8000::', false],
    ['2001:db8::1', '2001:db8:0:0:0:0:0:1', true],
    ['2001:db8::1/127', '2001:db8::', true],
    ['::ffff:192.0.2.7', '192.0.2.7', true],
    ['192.0.2.0/24', '::ffff:192.0.2.7', true],
    ['192.0.2.0/24', '::ffff:c000:207', true],
    ['::ffff:192.0.2.0/120', '192.0.2.9', true],
    ['::ffff:192.0.2.0/120', '192.0.3.9', false],
    ['64:ff9b::192.0.2.7', '64:ff9b::c000:207', true],
    ['::', '0:0:0:0:0:0:0:0', true],
  ])('%s finds %s: %s', (range, address, found) => {
    expect(finds(range, address)).toBe(found)
    expect(rangeTerms(range).length).toBeLessThanOrEqual(8)
  })

  it.each([
    '',
    'localhost',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    '::1::2',
    ':1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7::8',
    '::1.2.3',
    '1.2.3.4::',
    '10.0.0.1 ',
  ])('has no terms for %j', (text) => {
    expect(addressTerms(text)).toEqual([])
    expect(() => rangeTerms(text)).toThrow('want an address')
  })

  it.each(['10.0.0.0/33', '::/129', '::ffff:10.0.0.0/95'])('refuses the prefix of %s', (text) => {
    expect(() => rangeTerms(text)).toThrow('a prefix that its address does not have')
  })

  it.each(['10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8', '/8'])('refuses %s', (text) => {
    expect(() => rangeTerms(text)).toThrow('want an address')
  })
})
