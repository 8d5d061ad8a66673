import { createHash } from 'node:crypto'
import type { CloudError } from '#shared/clouds/errors.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** libvirt's name of a machine; people read the title, which is the VM's name and may be anything. */
export const domainName = (id: string): string => `nc-${checkedUuid(id)}`

/** The machine that a domain is; undefined for domains that are none of ours. */
export const machineOf = (name: string): string | undefined =>
  /^nc-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(name)?.[1]

/** libvirt's name of a NAT network that we made. */
export const networkName = (network: string): string => `nc-${network}`

/** Bridge of a NAT network: names of interfaces have at most 15 characters. */
export const bridgeName = (network: string): string =>
  `nc${createHash('sha256').update(network).digest('hex').slice(0, 12)}`

/** What is no UUID would be taken for a domain's name or an option. @throws CloudError `invalid_request` */
export function checkedUuid(id: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id
  throw invalid('id', id, 'is not the UUID of a machine')
}

/** What we put into names of libvirt's: nothing that could be an option or lead elsewhere. @throws CloudError `invalid_request` */
export function checkedId(field: string, id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$/.test(id)) return id
  throw invalid(field, id, 'has characters other than letters, digits, dots and dashes')
}

/** A value that a hypervisor must not be given. */
export const invalid = (field: string, value: unknown, reason: string): CloudError =>
  refusal('machines', `${field}: ${JSON.stringify(value)} ${reason}.`, { code: 'invalid_request' })
