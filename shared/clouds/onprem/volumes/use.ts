import type { Found } from '#shared/clouds/onprem/hosts.ts'
import type { VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** The record of a volume that no VM has; one that another VM than `holder` has stays as it is. */
export function freed(body: VolumeRecord, holder: string): VolumeRecord {
  if (body.vm !== holder) return body
  const free = { ...body }
  delete free.vm
  delete free.device
  return free
}

/** @throws CloudError `invalid_request` if a volume lies on another host than its VM is to have it. */
export function assertSameHost(operation: string, volume: Found<'volume'>, vm: Found<'vm'>): void {
  if (volume.host.name === vm.host.name) return
  throw refusal(
    operation,
    `The volume ${volume.id} is on host ${volume.host.name}, and the VM ${vm.id} on ${vm.host.name}.`,
    {
      code: 'invalid_request',
      remedy: `Snapshot the volume, and make one of the snapshot with zone ${vm.host.name}.`,
    },
  )
}

/** @throws CloudError `conflict` if a volume is not ready to be used, or another VM has it. */
export function assertFree(operation: string, { id, body }: Found<'volume'>, vm: string | undefined): void {
  if (body.vm !== undefined && body.vm !== vm)
    throw refusal(operation, `The volume ${id} is attached to the VM ${body.vm}.`, {
      code: 'conflict',
      remedy: 'Detach it first.',
    })
  if (body.state !== 'available' || body.written === 'open')
    throw refusal(
      operation,
      `The volume ${id} is ${body.written === 'open' ? 'being written' : body.state}.`,
      {
        code: 'conflict',
        kind: body.state === 'error' ? 'permanent' : 'retryable',
      },
    )
}
