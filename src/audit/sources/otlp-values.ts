/** Values and attributes of OpenTelemetry in JSON (opentelemetry-proto, common/v1: AnyValue and KeyValue). */
import type { Json } from '../../event/strict-json.ts'
import { at, type Loose, listOf, textAt } from './foreign-json.ts'

/** Attributes by their keys. */
export type Attributes = ReadonlyMap<string, Json>

/** Reads a list of KeyValue; undefined when a key is there twice, which the specification forbids. */
export const attributesIn = (list: Loose): Attributes | undefined => {
  const entries = entriesIn(list)
  const attributes = new Map(entries)
  return attributes.size === entries.length ? attributes : undefined
}

/** Reads an AnyValue. Integers come as numbers or strings, and stay strings where a double cannot hold them. */
export const valueIn = (value: Loose): Json => {
  const [text, bytes, bool, double, integer] = [
    'stringValue',
    'bytesValue',
    'boolValue',
    'doubleValue',
    'intValue',
  ].map((kind) => at(value, kind))
  if (text !== undefined) return text
  if (integer !== undefined) return Number.isSafeInteger(Number(integer ?? Number.NaN)) ? Number(integer) : integer
  const list = at(value, 'arrayValue')
  if (list !== undefined) return listOf(at(list, 'values')).map(valueIn)
  const members = at(value, 'kvlistValue')
  if (members !== undefined) return Object.fromEntries(entriesIn(at(members, 'values')))
  return bool ?? double ?? bytes ?? null
}

const entriesIn = (list: Loose): readonly (readonly [string, Json])[] =>
  listOf(list).flatMap((one) => {
    const key = textAt(one, 'key')
    return key === undefined ? [] : [[key, valueIn(at(one, 'value'))] as const]
  })
