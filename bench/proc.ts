/** What Linux says about a running process and about the machine: memory, processor time and bytes written. */
import { readFileSync } from 'node:fs'

/** A reading of one process. */
export interface ProcessReading {
  /** Memory resident now, in bytes (VmRSS). */
  readonly rssBytes: number
  /** Of that, what is its own (RssAnon); the rest are pages of files, which the system takes back when it needs them. */
  readonly ownBytes: number
  /** The most memory it ever had resident, in bytes (VmHWM). */
  readonly peakRssBytes: number
  /** Processor time so far, user and system, in seconds. */
  readonly cpuSeconds: number
  /** Bytes it has caused to be written to the disk so far. */
  readonly writtenBytes: number
}

const CLOCK_TICKS_PER_SECOND = 100 // what Linux shows to user space on every architecture that Node runs on

const field = (text: string, name: string): number => {
  const match = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)
  if (match?.[1] === undefined) throw new Error(`no ${name} in /proc`)
  return Number(match[1])
}

/** Reads /proc for `pid`, which must be running. */
export const readProcess = (pid: number): ProcessReading => {
  const file = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8')
  const stat = file('stat')
  const status = file('status')
  // The program's name stands in brackets and may hold spaces, so fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    rssBytes: field(status, 'VmRSS') * 1024,
    ownBytes: field(status, 'RssAnon') * 1024,
    peakRssBytes: field(status, 'VmHWM') * 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND,
    writtenBytes: field(file('io'), 'write_bytes'),
  }
}

/** Processor seconds that all processes of the machine together have used so far. */
export const machineCpuSeconds = (): number => {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split(/\s+/, 8)
  const ticks = [user, nice, system, irq, softirq].reduce((sum, each) => sum + Number(each), 0)
  return ticks / CLOCK_TICKS_PER_SECOND
}
