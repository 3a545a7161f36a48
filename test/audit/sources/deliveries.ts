/** Deliveries for tests, and the items that formats make of them. */
import { sourceFormat } from '../../../src/audit/sources/index.ts'
import type { Delivery, SourceItem } from '../../../src/audit/sources/source.ts'

/** A body and its headers. */
export const delivery = (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Delivery => ({
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
})

/** What the format of a name makes of a delivery. */
export const itemsOf = (name: string, one: Delivery): readonly SourceItem[] => {
  const format = sourceFormat(name)
  if (format === undefined) throw new Error(`no format ${name}`)
  return format.parse(one)
}

/** The same, each as what a golden test compares: the event, the code of the quarantine, or `ignored`. */
export const outcomesOf = (name: string, one: Delivery): readonly unknown[] =>
  itemsOf(name, one).map((item) =>
    item.kind === 'event' ? item.event : item.kind === 'quarantine' ? `quarantine: ${item.code}` : 'ignored',
  )

/** The bytes of each item as text; undefined for what is ignored. */
export const rawOf = (name: string, one: Delivery): readonly (string | undefined)[] =>
  itemsOf(name, one).map((item) => (item.kind === 'ignored' ? undefined : new TextDecoder().decode(item.raw)))
