import { createHash } from 'node:crypto'
import { CloudError } from '#shared/clouds/errors.ts'

/** Collections of Compute Engine, as they stand in its paths. */
export type Collection =
  | 'instances'
  | 'disks'
  | 'snapshots'
  | 'images'
  | 'networks'
  | 'subnetworks'
  | 'firewalls'
  | 'addresses'
  | 'machineTypes'

/**
 * A thing of Compute Engine. Our ids are the part of its URL that the service itself takes as a reference: `zones/{zone}/instances/{name}`,
 * `regions/{region}/subnetworks/{name}`, `global/images/{name}`.
 */
export interface Link {
  /** Undefined is the registration's own. */
  project?: string
  /** `global`, a region or a zone. */
  scope: 'global' | 'regions' | 'zones'
  /** Its region or zone; empty for global things. */
  place: string
  collection: string
  name: string
}

/** RFC 1035 names of what is made for an intent: the same token, the same name. At most 63 characters with a suffix of up to 20. */
export const nameFor = (token: string): string =>
  `nc-${/^[\da-f-]{1,40}$/i.test(token) ? token.toLowerCase() : createHash('sha256').update(token).digest('hex').slice(0, 36)}`

/** Compute's `requestId` must be a UUID. One call of an intent that makes several things has one for each `part`. */
export function requestIdFor(token: string, part = ''): string {
  const hex = createHash('sha256').update(`${token} ${part}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export const idOf = ({ scope, place, collection, name }: Link): string =>
  scope === 'global' ? `global/${collection}/${name}` : `${scope}/${place}/${collection}/${name}`

/** The last part of a URL: the name of a zone, a machine type, a disk. */
export const lastPart = (url: string | null | undefined): string => (url ?? '').split('/').at(-1) ?? ''

/** Zones are named after their region: `us-central1-a` is in `us-central1`. */
export const regionOfZone = (zone: string): string => zone.replace(/-[^-]+$/, '')

/**
 * Reads an id, a `projects/…` path or a whole URL. A bare name stands for a global thing, and for one in a zone or region it gives a place of ''
 * that the caller has to find.
 * @throws CloudError `invalid_request` for anything else.
 */
export function parseLink(id: string, collection: Collection): Link {
  const path = id.replace(/^https?:\/\/[^/]+\/(compute\/[^/]+\/)?/, '')
  const own = /^(?:projects\/([^/]+)\/)?(?:(global)|(regions|zones)\/([^/]+))\/([A-Za-z]+)\/([^/]+)$/.exec(
    path,
  )
  if (own?.[5] === collection) {
    const [, project, global, scope, place = '', , name = ''] = own
    return {
      ...(project === undefined ? {} : { project }),
      scope: global === undefined && (scope === 'regions' || scope === 'zones') ? scope : 'global',
      place,
      collection,
      name,
    }
  }
  if (/^[\w.-]{1,63}$/.test(id)) return { scope: usualScope[collection], place: '', collection, name: id }
  throw new CloudError(`"${id}" is not the id of one of Google Cloud’s ${collection}.`, {
    cloud: 'gcp',
    operation: 'parse id',
    code: 'invalid_request',
    remedy: `Use ${idOf({ scope: usualScope[collection], place: '…', collection, name: '…' })}, its full URL, or the bare name.`,
    details: { field: 'id' },
  })
}

const usualScope: Readonly<Record<Collection, Link['scope']>> = {
  instances: 'zones',
  disks: 'zones',
  machineTypes: 'zones',
  subnetworks: 'regions',
  addresses: 'regions',
  snapshots: 'global',
  images: 'global',
  networks: 'global',
  firewalls: 'global',
}
