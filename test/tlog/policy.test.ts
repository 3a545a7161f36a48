/** Policies: the file format line by line. */
import { describe, expect, it } from 'vitest'
import { COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { formatPolicy, MAX_POLICY_BYTES, octets, parsePolicy } from '../../src/tlog/policy.ts'
import { nudged } from '../support/mangle.ts'

const code = (value: string) => expect.objectContaining({ code: value })
const seed = (n: number) => new Uint8Array(32).fill(n)
const vkey = (key: SignerKey) => formatVerifierKey(key)

const log = signerKey('example.com/log', ED25519, seed(100))
const X = [1, 2, 3].map((n) => signerKey(`x${n}.example`, COSIGNATURE_V1, seed(n))) as [SignerKey, SignerKey, SignerKey]
const Y = [4, 5, 6].map((n) => signerKey(`y${n}.example`, SUBTREE_V1, seed(n))) as [SignerKey, SignerKey, SignerKey]
const [w1, w2, w3] = X

// The example of the specification, with its keys filled in.
const example = `
log ${vkey(log)}

witness X1 ${vkey(X[0])}
witness X2 ${vkey(X[1])}
witness X3 ${vkey(X[2])}
group X-witnesses 2 X1 X2 X3

witness Y1 ${vkey(Y[0])}
witness Y2 ${vkey(Y[1])}
witness Y3 ${vkey(Y[2])}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`

describe('the file', () => {
  it('reads the example of the specification', () => {
    const policy = parsePolicy(example)
    expect(policy.logs.map((l) => l.key.name)).toEqual(['example.com/log'])
    expect(policy.witnesses.map((w) => w.name)).toEqual(['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'])
    expect(policy.groups).toEqual([
      { name: 'X-witnesses', threshold: 2, members: ['X1', 'X2', 'X3'] },
      { name: 'Y-witnesses', threshold: 1, members: ['Y1', 'Y2', 'Y3'] },
      { name: 'X-and-Y', threshold: 2, members: ['X-witnesses', 'Y-witnesses'] },
    ])
    expect(policy.quorum).toBe('X-and-Y')
    expect(parsePolicy(formatPolicy(policy))).toEqual(policy)
  })

  it('skips comments, empty lines and white space, and keeps URLs', () => {
    const policy = parsePolicy(` \t\n  # a comment ☃\n#\n\tlog  ${vkey(log)}\t https://log.example/ \nquorum\tnone \n`)
    expect(policy).toMatchObject({ logs: [{ url: 'https://log.example/' }], witnesses: [], groups: [], quorum: 'none' })
    expect(Buffer.from(formatPolicy(policy)).toString()).toBe(`log ${vkey(log)} https://log.example/\nquorum none\n`)
  })

  it('takes logs, witnesses and groups after the quorum line too', () => {
    const policy = parsePolicy(`quorum none\nwitness a ${vkey(w1)}\ngroup g 1 a\nlog ${vkey(log)}\n`)
    expect(policy.witnesses).toHaveLength(1)
    expect(policy.logs).toHaveLength(1)
  })

  it('takes names as octets: K is not the Kelvin sign, and no encoding is needed', () => {
    const kelvin = parsePolicy(`witness K ${vkey(w1)}\nwitness \u212a ${vkey(w2)}\ngroup g any K\nquorum \u212a\n`)
    expect(kelvin.witnesses.map((w) => w.name)).toEqual(['K', octets('\u212a')])
    expect(kelvin.quorum).toBe('\u00e2\u0084\u00aa')
    const latin = Buffer.from(`# caf\u00e9\nwitness \u00ff\u0080 ${vkey(w1)} \u00fe\nquorum \u00ff\u0080\n`, 'latin1')
    expect(parsePolicy(latin).witnesses[0]).toMatchObject({ name: '\u00ff\u0080', url: '\u00fe' })
    expect(Buffer.from(formatPolicy(parsePolicy(latin))).toString('latin1')).toBe(latin.toString('latin1').slice(7))
  })

  it('reads key names outside ASCII as UTF-8', () => {
    const key = signerKey('zeuge.example/ö☃', COSIGNATURE_V1, seed(9))
    expect(parsePolicy(`witness w ${vkey(key)}\nquorum w\n`).witnesses[0]?.key.name).toBe('zeuge.example/ö☃')
    const broken = Buffer.from(`witness w ${vkey(key)}\nquorum w\n`)
    broken[broken.indexOf('ö')] = 0xff
    expect(() => parsePolicy(broken)).toThrow(code('malformed'))
  })

  const W = `witness a ${vkey(w1)}\nwitness b ${vkey(w2)}\nwitness c ${vkey(w3)}\n`
  it.each([
    ['nothing', ''],
    ['no quorum', W],
    ['two quorums', `${W}quorum a\nquorum a\n`],
    ['no newline at the end', `${W}quorum a`],
    ['a quorum that is not defined', `${W}quorum d\n`],
    ['a quorum that is defined later', `quorum a\n${W}`],
    ['a quorum of a log', `log ${vkey(log)}\nquorum example.com/log\n`],
    ['a quorum of two names', `${W}quorum a b\n`],
    ['a quorum without a name', `${W}quorum\n`],
    ['an unknown keyword', `${W}quorum a\nlogs x\n`],
    ['an upper-case keyword', `${W}Quorum a\n`],
    ['a carriage return', `${W}quorum a\r\n`],
    ['a form feed', `${W}\fquorum a\n`],
    ['DEL in a comment', `# \u007f\n${W}quorum a\n`],
    ['a zero byte in a comment', `# \0\n${W}quorum a\n`],
    ['a comment after a definition', `${W}quorum a # why\n`],
    ['a log without a key', 'log\nquorum none\n'],
    ['a log with a name', `log name ${vkey(log)}\nquorum none\n`],
    ['a log with two URLs', `log ${vkey(log)} u v\nquorum none\n`],
    ['a log twice', `log ${vkey(log)}\nlog ${vkey(log)}\nquorum none\n`],
    [
      'a key of a log under another name',
      `log ${vkey(log)}\nlog ${vkey(signerKey('other', ED25519, seed(100)))}\nquorum none\n`,
    ],
    ['a key of a witness twice', `${W}witness d ${vkey(signerKey('d', COSIGNATURE_V1, seed(1)))}\nquorum a\n`],
    ['a witness named none', `witness none ${vkey(w1)}\nquorum none\n`],
    ['a group named none', `${W}group none any a\nquorum none\n`],
    ['two witnesses of one name', `witness a ${vkey(w1)}\nwitness a ${vkey(w2)}\nquorum a\n`],
    ['a group with the name of a witness', `${W}group a any b\nquorum a\n`],
    ['a witness with a log key', `witness a ${vkey(log)}\nquorum a\n`],
    ['a witness without a key', 'witness a\nquorum none\n'],
    ['a witness with two URLs', `witness a ${vkey(w1)} u v\nquorum a\n`],
    ['a key that is no key', 'witness a b+00000000+AQ==\nquorum a\n'],
    ['a group without members', `${W}group g any\nquorum g\n`],
    ['a group without a threshold', `${W}group g\nquorum a\n`],
    ['a threshold of 0', `${W}group g 0 a\nquorum g\n`],
    ['a threshold above the members', `${W}group g 3 a b\nquorum g\n`],
    ['a threshold with a zero before it', `${W}group g 01 a\nquorum g\n`],
    ['a threshold with a sign', `${W}group g +1 a\nquorum g\n`],
    ['a threshold of another word', `${W}group g most a\nquorum g\n`],
    ['a member twice in a group', `${W}group g 1 a a\nquorum g\n`],
    ['a member of two groups', `${W}group g 1 a\ngroup h 1 a\nquorum g\n`],
    ['a member that is defined later', `group g 1 a\n${W}quorum g\n`],
    ['a group in itself', `${W}group g 1 g\nquorum g\n`],
    ['none as a member', `${W}group g 1 none\nquorum g\n`],
  ])('refuses %s', (_, text) => {
    expect(() => parsePolicy(text)).toThrow(code('malformed'))
  })

  it('names the line', () => {
    expect(() => parsePolicy('# one\n\nlogg x\n')).toThrow(/^policy line 3: /)
  })

  it('takes 32 of each and more, up to its limits', () => {
    const lines = (count: number) =>
      Array.from({ length: count }, (_, i) => [
        `log ${vkey(signerKey(`log${i}`, ED25519, seed(i)))}`,
        `witness w${i} ${vkey(signerKey(`w${i}`, COSIGNATURE_V1, seed(i)))}`,
        `group g${i} any w${i}${i > 0 ? ` g${i - 1}` : ''}`,
      ]).flat()
    const file = (count: number) => `${lines(count).join('\n')}\nquorum g0\n`
    expect(parsePolicy(file(64)).groups).toHaveLength(64)
    expect(() => parsePolicy(file(65))).toThrow(code('too_large'))
    expect(() => parsePolicy(`#${' '.repeat(MAX_POLICY_BYTES)}\nquorum none\n`)).toThrow(code('too_large'))
  })

  it('refuses every damage or reads it to something that it writes and reads again', () => {
    const small = `log ${vkey(log)} u\nwitness a ${vkey(w1)}\ngroup g all a\nquorum g\n`
    let accepted = 0
    for (const input of nudged(encodeUtf8(small))) {
      let policy: ReturnType<typeof parsePolicy>
      try {
        policy = parsePolicy(input)
      } catch (error) {
        expect(error).toEqual(code('malformed'))
        continue
      }
      accepted++
      expect(parsePolicy(formatPolicy(policy))).toEqual(policy)
    }
    expect(accepted).toBeGreaterThan(5)
  })

  const good = parsePolicy(`witness a ${vkey(w1)}\nwitness b ${vkey(w2)}\ngroup g 1 a\nquorum g\n`)
  it.each([
    ['a name with a space', { ...good, groups: [{ name: 'g', threshold: 1, members: ['a b'] }] }],
    ['an empty URL', { ...good, logs: [{ key: log, url: '' }] }],
    ['a name outside the octets', { ...good, witnesses: [{ name: '\u2603', key: w1 }], groups: [], quorum: 'none' }],
    ['a threshold of 0', { ...good, groups: [{ name: 'g', threshold: 0, members: ['a'] }] }],
    ['a quorum that is not defined', { ...good, quorum: 'x' }],
  ])('does not write %s', (_, policy) => {
    expect(() => formatPolicy(policy)).toThrow(code('malformed'))
  })
})
