/** A progress bar on standard error, where a person watches; elsewhere nothing. */

/** Told how far long work has come. */
export interface Progress {
  /** Draws at most ten times a second. A total given here replaces the one before. */
  update(done: number, total?: number): void
  /** Wipes the bar; call it before anything else is printed. */
  end(): void
}

/** Draws nothing. */
export const noProgress: Progress = { update: () => {}, end: () => {} }

const WIDTH = 28
const REDRAW_MS = 100

/** A bar for work of `total` steps, named by `unit` ("entries"); without a known total it only counts. */
export const openProgress = (title: string, unit: string, total?: number): Progress => {
  if (!process.stderr.isTTY) return noProgress
  const started = performance.now()
  let drawn = Number.NEGATIVE_INFINITY
  return {
    update: (done, newTotal = total) => {
      const now = performance.now()
      if (now - drawn < REDRAW_MS) return
      drawn = now
      const perSecond = Math.round((done * 1_000) / Math.max(1, now - started))
      process.stderr.write(`\r\x1b[K${title} ${bar(done, newTotal)}${count(done)} ${unit}, ${count(perSecond)}/s`)
    },
    end: () => {
      process.stderr.write('\r\x1b[K')
    },
  }
}

const bar = (done: number, total: number | undefined): string => {
  if (total === undefined || total === 0) return ''
  const part = Math.min(1, done / total)
  const full = Math.round(part * WIDTH)
  return `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${Math.floor(part * 100)}% `
}

/** A number as people read it: 1,233. */
export const count = (value: number): string => value.toLocaleString('en-US')

/** A number and what it counts: 1 entry, 2 entries. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`
