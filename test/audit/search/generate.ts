/** Audit events as a company of some hundred people makes them, from a seed. */
import type { AppendedEvent } from '../../../src/audit/recorder.ts'
import { actions } from '../../../src/event/actions.ts'
import type { AuditEvent, Party } from '../../../src/event/event.ts'
import { type Random, seededRandom } from '../../faults/random.ts'

const PEOPLE = 400
const START = Date.parse('2026-11-20T00:00:00Z')

const firstNames = [
  'Ada',
  'Björn',
  'Çelik',
  'Δημήτρης',
  'Елена',
  'Fatima',
  'GRÜßE',
  'Hana',
  '伊藤',
  'José',
  'Kim',
  'Łucja',
]
const lastNames = ['Strauß', 'Müller', "O'Neil", 'Åström', 'Nguyễn', 'ΟΔΥΣΣΕΥΣ', 'Smith', 'van Dyk', 'Иванов', 'Chen']
const reasons = ['INVALID_CREDENTIALS', 'ACCOUNT_LOCKED', 'policy p_7 rule 3', 'offboarding HR-77', 'periodic review']
const words = ['became', 'Admin', 'for', 'on-call', 'the', 'week', 'via', 'console', 'émigré', 'ticket', 'Größe', 'b2b']
const sources = ['okta', 'k8s/prod', 'aws:cloudtrail', 'app.billing']
const tenants = ['acme', 'globex', 'initech', undefined]
const outcomes = ['success', 'success', 'success', 'success', 'failure', 'denied', 'unknown'] as const
const allActions = [...actions, 'custom.billing.refund', 'custom.x', 'log.note', 'state.snapshot']

/** Few are in much of it: as the squares of evenly spread numbers. */
const few = (random: Random, count: number): number => Math.floor(count * random.next() ** 2)

const person = (i: number): Party => ({
  type: i % 20 === 0 ? 'admin' : 'user',
  id: i % 7 === 0 ? `person${i}@example.com` : `u_${i}`,
  name: `${firstNames[i % firstNames.length]} ${lastNames[i % lastNames.length]}`,
})

/** An address that many share, or one that is nearly alone. */
export const makeAddress = (random: Random): string => {
  const a = few(random, 200)
  switch (random.integer(0, 12)) {
    case 0:
      return `2001:db8:${(a % 9).toString(16)}:${a.toString(16)}::${random.integer(1, 5)}`
    case 1:
      return `2001:DB8:0:0:${a.toString(16)}:0:0:1`
    case 2:
      return `::ffff:192.0.2.${a}`
    case 3:
      return 'console.example.com'
    case 4:
      return `10.${random.integer(0, 256)}.${random.integer(0, 256)}.${random.integer(0, 256)}`
    default:
      return `198.51.${100 + (a % 4)}.${a}`
  }
}

const makeActor = (random: Random): Party => {
  const kind = random.integer(0, 20)
  if (kind === 0) return { type: 'anonymous' }
  if (kind === 1) return { type: 'service', id: 'scim:okta' }
  const actor = person(few(random, PEOPLE))
  if (kind === 2) return { ...actor, on_behalf_of: person(few(random, PEOPLE)) }
  return kind < 8 ? { ...actor, session: `s_${random.integer(0, 5_000)}` } : actor
}

const makeTarget = (random: Random): Party => {
  if (random.integer(0, 3) > 0) {
    const target = person(few(random, PEOPLE))
    return random.integer(0, 4) === 0 ? { ...target, email: `${target['id']}@mail.example` } : target
  }
  return { type: 'secret', id: `vault/prod/${random.integer(0, 3_000)}` }
}

const makeMessage = (random: Random): string =>
  Array.from({ length: random.integer(1, 9) }, () => random.pick(words)).join(random.pick([' ', ', ', '_', ' – ']))

/** When it happened: mostly in order, seconds late now and then, and sometimes a day; in any form that RFC 3339 has. */
const makeTime = (random: Random, n: number): string => {
  const late = random.integer(0, 50)
  const time =
    START + n * 700 - (late === 0 ? random.integer(0, 86_400_000) : late < 10 ? random.integer(0, 60_000) : 0)
  // Whole seconds now and then, so that some are at one time.
  const rounded = random.integer(0, 3) === 0 ? time - (time % 10_000) : time
  const text = new Date(rounded).toISOString()
  return random.integer(0, 9) === 0 ? `${new Date(rounded + 5_400_000).toISOString().slice(0, -1)}+01:30` : text
}

/** The event with this number. */
export const makeEvent = (random: Random, n: number): AuditEvent => {
  const sometimes = (share: number): boolean => random.next() < share
  const tenant = random.pick(tenants)
  const actor = makeActor(random)
  return {
    id: `01K0AV${n.toString(36).toUpperCase().padStart(6, '0')}`,
    time: makeTime(random, n),
    action: allActions[few(random, allActions.length)] ?? 'auth.login',
    outcome: random.pick(outcomes),
    actor,
    target: makeTarget(random),
    ...(sometimes(0.1) && { with: [{ type: 'role', id: `role_${random.integer(0, 9)}`, name: random.pick(words) }] }),
    ...(sometimes(0.8) && { source: { ...(sometimes(0.95) && { ip: makeAddress(random) }), ua: 'curl/8' } }),
    ...(sometimes(0.3) && { reason: random.pick(reasons) }),
    ...(sometimes(0.1) && { service: random.pick(['web-console', 'vpn']) }),
    ...(sometimes(0.4) && { msg: makeMessage(random) }),
    ...(tenant !== undefined && { tenant }),
    ...(sometimes(0.3) && { corr: `CHG-${random.integer(0, 2_000)}` }),
    ...(sometimes(0.2) && { src_id: `okta:${random.integer(0, 2 ** 31).toString(16)}` }),
  }
}

/** Events one after the other, with gaps in the indices here and there, where entries of other kinds are. */
export function* makeEvents(seed: number, gaps = true): Generator<AppendedEvent> {
  const random = seededRandom(seed)
  let index = 0
  for (let n = 0; ; n++) {
    if (gaps && random.integer(0, 500) === 0) index += random.integer(1, 20)
    if (gaps && random.integer(0, 1_500) === 0) index += random.integer(1, 12_000)
    const event = makeEvent(random, n)
    yield { index, received: START + n * 700 + 250, source: random.pick(sources), event }
    index++
  }
}
