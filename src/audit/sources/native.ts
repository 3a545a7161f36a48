/** Parts of our own events inside the envelopes of others: for senders that know the vocabulary. */
import { isOutcome, isSendableAction, type Outcome } from '../../event/actions.ts'
import { customAction } from './fit.ts'
import { at, type Loose, listOf, textAt, textOf } from './foreign-json.ts'
import type { ActorDraft, ActorType, ThingDraft } from './item.ts'

/** The action itself where a producer may send it, or else a custom one of the format. */
export const actionIn = (format: string, text: string | undefined): string =>
  text !== undefined && isSendableAction(text) ? text : customAction(format, text?.replace(/^custom\./, ''))

/** Success is the default, as in our own events; `unknown` what is no outcome. */
export const outcomeIn = (value: Loose): Outcome => {
  const text = textOf(value)
  if (text === undefined) return 'success'
  return isOutcome(text) ? text : 'unknown'
}

const actorTypes: ReadonlySet<string> = new Set<ActorType>([
  'user',
  'admin',
  'system',
  'service',
  'agent',
  'app',
  'anonymous',
])

const isActorType = (text: string): text is ActorType => actorTypes.has(text)

/** An actor as our events have it, or its id; undefined where there is none. */
export const actorIn = (value: Loose): ActorDraft | undefined => {
  const type = textAt(value, 'type') ?? 'user'
  const id = textAt(value, 'id') ?? textOf(value)
  const name = textAt(value, 'name')
  if (id === undefined && name === undefined && type !== 'anonymous') return undefined
  const behalf = thingIn(at(value, 'on_behalf_of'))
  return {
    type: isActorType(type) ? type : 'user',
    id,
    name,
    email: at(value, 'email'),
    session: at(value, 'session'),
    on_behalf_of: behalf,
  }
}

/** A party as our events have it, or the text `<type>/<id>`; undefined where there is none. */
export const thingIn = (value: Loose): ThingDraft | undefined => {
  const text = textOf(value)
  if (text !== undefined) {
    const slash = text.indexOf('/')
    return slash < 1 ? { type: undefined, id: text } : { type: text.slice(0, slash), id: text.slice(slash + 1) }
  }
  const [type, id, name, email] = ['type', 'id', 'name', 'email'].map((key) => textAt(value, key))
  return id === undefined && name === undefined ? undefined : { type, id, name, email }
}

/** The parties of a list. */
export const thingsIn = (value: Loose): readonly ThingDraft[] =>
  listOf(value).flatMap((one) => {
    const thing = thingIn(one)
    return thing === undefined ? [] : [thing]
  })
