import type { CloudVolume } from '#shared/clouds/port.ts'
import type { Found } from '#shared/clouds/onprem/hosts.ts'
import type { VolumeRecord } from '#shared/clouds/onprem/records.ts'

/** A volume as the port tells of it. */
export const toVolume = ({ id, body, host }: Found<'volume'>): CloudVolume => ({
  region: host.region,
  id,
  name: body.name,
  zone: host.name,
  sizeBytes: body.sizeBytes,
  state: stateOf(body),
  type: body.type,
  vendorType: body.format,
  encrypted: body.keyName !== undefined,
  ...(body.keyId === undefined ? {} : { keyId: body.keyId }),
  ...(body.vm === undefined ? {} : { vm: body.vm }),
  ...(body.device === undefined ? {} : { device: body.device }),
  tags: { ...body.tags },
  createdAt: new Date(body.createdAt),
})

function stateOf({ state, vm, written }: VolumeRecord): CloudVolume['state'] {
  if (state !== 'available') return state
  if (vm !== undefined) return 'in_use'
  return written === 'open' ? 'creating' : 'available'
}
