import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { getVm, vmTarget } from '#shared/clouds/azure/compute/vms.ts'
import { vmState } from '#shared/clouds/azure/mapping.ts'
import { isReserved } from '#shared/clouds/azure/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef, TagChange } from '#shared/clouds/port.ts'

/** Azure would restart a running VM to change its size, and may find no room for it then: so only stopped ones are changed. */
export async function resizeVm(client: AzureClient, ref: CloudRef, instanceType: string): Promise<void> {
  const target = vmTarget(client, ref)
  const vm = await getVm(client, target)
  if (vm.hardwareProfile?.vmSize?.toLowerCase() === instanceType.toLowerCase()) return
  refuseUnlessStopped(vm.name ?? target.name, vmState(vm), 'resized')
  await client.finish('VirtualMachines_Update', (pace) =>
    client.compute.virtualMachines.update(
      target.group,
      target.name,
      { hardwareProfile: { vmSize: instanceType } },
      pace,
    ),
  )
}

/** Azure replaces all tags at once; the etag keeps two changes from losing each other. */
export async function tagVm(client: AzureClient, ref: CloudRef, { set, remove }: TagChange): Promise<void> {
  const target = vmTarget(client, ref)
  for (let attempt = 1; ; attempt++) {
    const vm = await getVm(client, target)
    const removed = new Set(remove.filter((tag) => !isReserved(tag)))
    const kept = Object.entries(vm.tags ?? {}).filter(([tag]) => !removed.has(tag))
    const added = Object.entries(set).filter(([tag]) => !isReserved(tag))
    const tags = Object.fromEntries([...kept, ...added])
    if (sameTags(tags, vm.tags ?? {})) return
    try {
      await client.finish('VirtualMachines_Update', (pace) =>
        client.compute.virtualMachines.update(
          target.group,
          target.name,
          { tags },
          { ...pace, ...(vm.etag === undefined ? {} : { ifMatch: vm.etag }) },
        ),
      )
      return
    } catch (error) {
      if (attempt === mostAttempts || !(error instanceof CloudError && preconditionFailed(error))) throw error
    }
  }
}

/** @throws CloudError `conflict`. */
export function refuseUnlessStopped(name: string, state: string, what: string): void {
  if (state === 'stopped') return
  throw new CloudError(`The VM ${name} is ${state}; only a stopped one is ${what}.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_Update',
    code: 'conflict',
    kind: 'permanent',
    remedy: 'Stop the VM first.',
    details: { state },
  })
}

const mostAttempts = 5

const preconditionFailed = ({ vendorCode = '' }: CloudError): boolean =>
  /^(PreconditionFailed|ConditionNotMet|ResourceModified)$/i.test(vendorCode)

const sameTags = (a: Record<string, string>, b: Record<string, string>): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([tag, value]) => b[tag] === value)
