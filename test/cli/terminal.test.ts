/** What is different where a person watches: a bar on long work, and entries that cannot steer the terminal. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { shown } from '../../src/cli/output.ts'
import { openProgress } from '../../src/cli/progress.ts'
import { printable } from '../../src/cli/report.ts'

const pretendTerminal = (stream: NodeJS.WriteStream, isTTY: boolean): void => {
  Object.defineProperty(stream, 'isTTY', { value: isTTY, configurable: true })
}

afterEach(() => {
  vi.restoreAllMocks()
  pretendTerminal(process.stderr, false)
  pretendTerminal(process.stdout, false)
})

const drawn = (isTTY: boolean, work: (progress: ReturnType<typeof openProgress>) => void): string => {
  let text = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((part) => {
    text += String(part)
    return true
  })
  pretendTerminal(process.stderr, isTTY)
  work(openProgress('adding', 'entries', 1_000))
  return text
}

describe('a progress bar', () => {
  it('shows part, count and speed on a terminal, and wipes itself', () => {
    const text = drawn(true, (progress) => {
      progress.update(500)
      progress.end()
    })
    expect(text.replaceAll('\r\u001b[K', '<wipe>')).toMatch(
      /^<wipe>adding \[#{14}-{14}\] 50% 500 entries, [\d,]+\/s<wipe>$/,
    )
  })

  it('is drawn at most ten times a second', () => {
    const text = drawn(true, (progress) => {
      for (let i = 0; i < 1_000; i++) progress.update(i)
    })
    expect(text.split('\r').length).toBeLessThan(20)
  })

  it('is not there where nobody watches', () => {
    expect(drawn(false, (progress) => progress.update(500))).toBe('')
  })
})

describe('entries from strangers', () => {
  const hostile = Buffer.from('a\u001b[2Jb\u009b1mc\u202ed\r\ne')

  it('are escaped on a terminal and left as they are elsewhere', () => {
    expect(shown(hostile)).toBe(hostile)
    pretendTerminal(process.stdout, true)
    expect(shown(hostile)).toBe('a\\u{1b}[2Jb\\u{9b}1mc\\u{202e}d\\u{d}\ne')
  })

  it('nor can what a log answers: messages are one line of harmless characters', () => {
    expect(printable('x\n\u001b]0;title\u0007é😀')).toBe('x\\u{a}\\u{1b}]0;title\\u{7}é😀')
  })
})
