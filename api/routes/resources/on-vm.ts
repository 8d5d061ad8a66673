import { z } from '@hono/zod-openapi'
import type { CloudResource } from '#db/entities/resource.ts'
import { MulticloudVm } from '#db/entities/vm.ts'
import { ApiError, invalid } from '#api/http/problem.ts'
import { idField } from '#api/routes/resources/body.ts'
import { findVm } from '#api/routes/vm-find.ts'
import type { Services } from '#api/services.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import type { ConcernedVm } from '#shared/resources/specs.ts'

/** Names the VM that a volume or address is to lead to. */
export const onVmBody = z
  .strictObject({
    vm_id: idField.openapi({ description: 'Our id of the VM, or the cloud’s own at the same provider.' }),
  })
  .openapi('OnVM')

interface Beside {
  providerId: string
  region: string
  kind: ResourceKind
}

/**
 * The VM that a body names, at the resource's own provider and region.
 * @throws ApiError `validation_failed` for one that is nobody's or elsewhere, `vm_state` for one that is not there.
 */
export async function vmBeside(
  services: Pick<Services, 'orm'>,
  tenantId: string,
  resource: Beside,
  vmId: string,
): Promise<ConcernedVm> {
  const vm = await findBeside(services, tenantId, resource, vmId)
  return { vm_id: vm.id, ref: { region: vm.region, id: madeVm(vm) } }
}

/** The zone of the VM that a body names, where it is in one. @throws ApiError as `vmBeside` does. */
export async function zoneBeside(
  services: Pick<Services, 'orm'>,
  tenantId: string,
  resource: Beside,
  vmId: string,
): Promise<string | undefined> {
  const vm = await findBeside(services, tenantId, resource, vmId)
  madeVm(vm)
  return vm.observed.zone
}

async function findBeside(
  services: Pick<Services, 'orm'>,
  tenantId: string,
  { providerId, region, kind }: Beside,
  vmId: string,
): Promise<MulticloudVm> {
  const vm = await findVm(services, tenantId, vmId, providerId).catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.code !== 'not_found') throw error
    throw invalid([
      {
        field: 'vm_id',
        reason: `names no VM of ${providerId}`,
        remedy: `List them: GET /api/multicloud/vms?provider_id=${providerId}.`,
      },
    ])
  })
  if (vm.region === region) return vm
  throw invalid([
    {
      field: 'vm_id',
      reason: `names a VM in ${vm.region}, and the ${kind} is in ${region}`,
      remedy: 'Both must be in one region.',
    },
  ])
}

/** The VM that a volume or address leads to now, as far as we know both: what is done to it shows in the VM's row too. */
export async function vmHolding(
  { orm }: Pick<Services, 'orm'>,
  { tenantId, providerId, observed }: CloudResource,
): Promise<{ vm?: ConcernedVm }> {
  const holder = observed['vm']
  if (typeof holder !== 'string') return {}
  const vm = await orm.em.fork().findOne(MulticloudVm, { tenantId, providerId, vmId: holder })
  return vm ? { vm: { vm_id: vm.id, ref: { region: vm.region, id: holder } } } : {}
}

/** The cloud's id of a VM that is there. @throws ApiError `vm_state`. */
export function madeVm(vm: Pick<MulticloudVm, 'vmId' | 'state' | 'deletedAt'>): string {
  if (vm.vmId && !vm.deletedAt && vm.state !== 'terminated' && vm.state !== 'terminating') return vm.vmId
  throw new ApiError('vm_state', `The VM is ${vm.vmId ? vm.state : 'not made in its cloud'}.`, {
    remedy: 'Use a VM that is there.',
    details: { state: vm.state },
  })
}
