/** Whom or what a CloudTrail record is about: by the rules for IAM, else by what the record says of resources. */
import type { JsonObject } from '../../event/strict-json.ts'
import { isJsonObject } from '../../event/strict-json.ts'
import { type IamParty, iamParties } from './cloudtrail-actions.ts'
import { type Loose, listOf, textAt, textOf } from './foreign-json.ts'
import type { ThingDraft } from './item.ts'

/**
 * A user, group, role or policy by its ARN, which also actors are named by. Where the record has none it is put together,
 * for the path `/`, so that what happens to a user and what the user does are found under one id.
 */
export const iamParty = (record: JsonObject, [type, parameter, inline]: IamParty): ThingDraft => {
  const answered = textAt(record, 'responseElements', type, 'arn')
  const name = textAt(record, 'requestParameters', parameter) ?? textAt(record, 'responseElements', type, `${type}Name`)
  if (inline !== undefined || name?.startsWith('arn:')) return { type, id: name }
  if (answered !== undefined) return { type, id: answered, name: name ?? answered.slice(answered.lastIndexOf('/') + 1) }
  // A call without a user name is about the user who makes it.
  if (name === undefined && type === 'user')
    return { type, id: callerArn(record), name: textAt(record, 'userIdentity', 'userName') }
  return { type, id: name === undefined ? undefined : iamArn(record, type, name), name }
}

/** `arn:aws:iam::<account>:<type>/<name>`, or the name where no account is known. */
export const iamArn = (record: JsonObject, type: string, name: string): string => {
  const account = textAt(record, 'recipientAccountId') ?? textAt(record, 'userIdentity', 'accountId')
  return account === undefined ? name : `arn:${partition(record)}:iam::${account}:${type}/${name}`
}

const callerArn = (record: JsonObject): Loose =>
  textAt(record, 'userIdentity', 'arn') ?? textAt(record, 'userIdentity', 'principalId')

/** China and GovCloud have partitions of their own. */
const partition = (record: JsonObject): string => {
  const region = textAt(record, 'awsRegion') ?? ''
  return region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}

/** The resources that a call is about, the most telling first; the service itself where the record names none. */
export const resourcesOf = (record: JsonObject, name: string): readonly [ThingDraft, ...ThingDraft[]] => {
  const listed = listOf(record['resources']).flatMap(resourceOf)
  const [first, ...others] = listed
  if (first !== undefined) return [first, ...others]
  const party = iamParties.find(([, parameter]) => textAt(record, 'requestParameters', parameter) !== undefined)
  if (record['eventSource'] === 'iam.amazonaws.com' && party !== undefined) return [iamParty(record, party)]
  const noun = nounOf(name)
  const { responseElements, requestParameters } = record
  // What a call makes is named by the answer, everything else by the request.
  const places = /^(?:Create|Run|Allocate|Register|Copy|Import)/.test(name)
    ? [responseElements, requestParameters]
    : [requestParameters, responseElements]
  const [named, ...more] = places.map((place) => identified(place, noun)).find((found) => found.length > 0) ?? []
  if (named !== undefined) return [ofService(record, named), ...more.map((one) => ofService(record, one))]
  const [any] = places.flatMap((place) => identified(place, undefined))
  return [(any && ofService(record, any)) ?? deniedResource(record) ?? { type: 'service', id: record['eventSource'] }]
}

/** The group of a firewall is not one of people: outside IAM these types carry the name of the service. */
const ofService = (record: JsonObject, { type = '', id }: ThingDraft): ThingDraft => {
  const isIam = iamParties.some(([kind]) => kind === type.toLowerCase())
  return { type: isIam ? `${(textAt(record, 'eventSource') ?? 'aws').replace(/\..*$/s, '')}-${type}` : type, id }
}

/** A call that was denied often has no parameters, but a message that names what it wanted. */
const deniedResource = (record: JsonObject): ThingDraft | undefined => {
  const id = / on resource: (arn:\S+)/.exec(textAt(record, 'errorMessage') ?? '')?.[1]
  return id === undefined ? undefined : resourceOf({ ARN: id })[0]
}

const resourceOf = (resource: Loose): readonly ThingDraft[] => {
  const id = textAt(resource, 'ARN') ?? textAt(resource, 'ARNPrefix')
  if (id === undefined) return []
  const type = textAt(resource, 'type')?.replace(/^AWS::/, '')
  // arn:aws:ssm:us-east-1:123837392027:parameter/name
  const [, , service = 'resource', , , rest = ''] = id.split(':', 6)
  const kind = /^([a-z-]+)[:/]/.exec(rest)?.[1]
  const whole = kebab(type ?? (kind === undefined ? service : `${service}-${kind}`))
  return [{ type: whole.replace(/^iam\W+/i, ''), id }]
}

/** `DeleteRouteTable` is about a `routeTable`. */
const nounOf = (name: string): string =>
  name
    .replace(/^(?:Batch)?[A-Z][a-z]+/, '')
    .replace(/\d{8}(?:v\d+)?$/, '')
    .replace(/(?:Set|s)$/, '')
    .toLowerCase()

const kebab = (text: string): string => text.replaceAll(/([a-z0-9]{2})([A-Z])/g, '$1-$2')

const NAMING = /^(.*?)(?:arn|identifier|id|name)$/i

/** What else looks like the name of something, and is not. */
const PASSING = /^(?:requestid|client(?:request)?token|attributename|xmlns|host|username|ownerid)$/i

/** Levels of objects that are searched. */
const MAX_LEVELS = 4

/** Things that members of the value name: those of the noun, or else the first of any. */
const identified = (value: Loose, noun: string | undefined, level = 0): readonly ThingDraft[] => {
  if (level > MAX_LEVELS || !isJsonObject(value)) return []
  const inside: ThingDraft[] = []
  for (const [key, one] of Object.entries(value)) {
    const stem = NAMING.exec(key)?.[1]
    const id = textOf(one)
    if (stem !== undefined && typeof one === 'string' && id !== undefined && !PASSING.test(key)) {
      if (noun === undefined ? stem !== '' : stem.toLowerCase() === noun) return [{ type: kebab(stem), id }]
    }
    // {"flowLogIdSet": {"item": …}}
    const only = key.toLowerCase() === `${noun}idset` ? textAt(one, 'item') : undefined
    if (only !== undefined) inside.push({ type: kebab(key.slice(0, -5)), id: only })
    if (isJsonObject(one)) inside.push(...identified(one, noun, level + 1))
    // Lists of EC2: {"instancesSet": {"items": [{"instanceId": …}]}}
    for (const item of listOf(one)) inside.push(...identified(item, noun, level + 1))
    if (inside.length > 0 && noun === undefined) return inside.slice(0, 1)
  }
  return inside.length > 0 || noun === undefined || level > 0 ? inside : plainName(value, noun)
}

/** `CreateTrail {"name": …}`: a bare name or ARN is that of the noun. */
const plainName = (value: Loose, noun: string): readonly ThingDraft[] => {
  const id = textAt(value, 'arn') ?? textAt(value, 'aRN') ?? (noun === '' ? undefined : textAt(value, 'name'))
  return id === undefined ? [] : [{ type: noun, id }]
}
