/** The formats that deliveries may have. A new one is a file and a line here. */
import { auth0 } from './auth0.ts'
import { cloudevents } from './cloudevents.ts'
import { cloudtrail } from './cloudtrail.ts'
import { k8s } from './k8s.ts'
import { keycloak } from './keycloak.ts'
import { okta } from './okta.ts'
import { otlp } from './otlp.ts'
import { scim } from './scim.ts'
import { set } from './set.ts'
import type { SourceFormat } from './source.ts'
import { syslog } from './syslog.ts'

/** All formats. */
export const sourceFormats: readonly SourceFormat[] = [
  cloudtrail,
  k8s,
  keycloak,
  okta,
  auth0,
  scim,
  set,
  otlp,
  cloudevents,
  syslog,
]

/** The format of a name; undefined when there is none. */
export const sourceFormat = (name: string): SourceFormat | undefined =>
  sourceFormats.find((format) => format.name === name)
