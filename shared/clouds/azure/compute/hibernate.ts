import type { VirtualMachine } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { getVm, vmTarget } from '#shared/clouds/azure/compute/vms.ts'
import { vmState } from '#shared/clouds/azure/mapping.ts'
import type { ArmId } from '#shared/clouds/azure/names.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef } from '#shared/clouds/port.ts'

/**
 * Hibernates a running VM: its memory goes to its boot disk and it is deallocated. The VM must have been made for it, and its guest must know how:
 * Azure's own extension teaches it that, the first time, which takes a minute or so.
 * https://learn.microsoft.com/azure/virtual-machines/hibernate-resume
 */
export async function suspendVm(client: AzureClient, ref: CloudRef): Promise<void> {
  const target = vmTarget(client, ref)
  const vm = await getVm(client, target)
  const state = vmState(vm)
  if (state === 'suspended') return
  if (vm.additionalCapabilities?.hibernationEnabled !== true) throw notEnabled(target.name)
  if (state !== 'running') throw wrongState(target.name, state, 'suspended', 'running')
  await teach(client, target, vm)
  await client.submit('VirtualMachines_Deallocate', () =>
    client.compute.virtualMachines.deallocate(target.group, target.name, { hibernate: true }),
  )
}

export async function resumeVm(client: AzureClient, ref: CloudRef): Promise<void> {
  const target = vmTarget(client, ref)
  const state = vmState(await getVm(client, target))
  if (state === 'running' || state === 'pending') return
  if (state !== 'suspended') throw wrongState(target.name, state, 'resumed', 'suspended')
  await client.submit('VirtualMachines_Start', () =>
    client.compute.virtualMachines.start(target.group, target.name),
  )
}

const extensionName = 'AzureHibernateExtension'

async function teach(client: AzureClient, { group, name }: ArmId, vm: VirtualMachine): Promise<void> {
  const learned = vm.resources?.some(
    (extension) =>
      extension.name?.toLowerCase() === extensionName.toLowerCase() &&
      extension.provisioningState === 'Succeeded',
  )
  if (learned) return
  const windows = vm.storageProfile?.osDisk?.osType === 'Windows'
  await client.finish('VirtualMachineExtensions_CreateOrUpdate', (pace) =>
    client.compute.virtualMachineExtensions.createOrUpdate(
      group,
      name,
      extensionName,
      {
        location: vm.location,
        publisher: 'Microsoft.CPlat.Core',
        typePropertiesType: windows ? 'WindowsHibernateExtension' : 'LinuxHibernateExtension',
        typeHandlerVersion: '1.0',
        autoUpgradeMinorVersion: true,
      },
      pace,
    ),
  )
}

const notEnabled = (name: string): CloudError =>
  new CloudError(`The VM ${name} cannot be suspended: hibernation was not enabled for it.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_Deallocate',
    code: 'unsupported',
    kind: 'permanent',
    remedy:
      'Stop it, and enable hibernation on its boot disk (supportsHibernation) and on the VM (additionalCapabilities.hibernationEnabled), if its size and system can. Or stop it instead.',
  })

const wrongState = (name: string, state: string, what: string, from: string): CloudError =>
  new CloudError(`The VM ${name} is ${state}; only a ${from} one can be ${what}.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_Deallocate',
    code: 'conflict',
    kind: 'permanent',
    details: { state },
  })
