import type { Context } from '#test/clouds/azure/context.ts'
import { provisioningState, type Disk, type Vm, type VmPhase } from '#test/clouds/azure/estate.ts'

export const vmType = 'Microsoft.Compute/virtualMachines'

export function showVm(context: Context, vm: Vm, withView: boolean): Record<string, unknown> {
  const { imageReference, ...shown } = vm.shown
  const sizeGb = (id: string) => Math.ceil((context.estate.get('disk', id)?.sizeBytes ?? 0) / 1024 ** 3)
  const attached = ({ id, deleteOption, given }: Vm['osDisk']) => ({
    ...given,
    name: id.split('/').at(-1),
    diskSizeGB: sizeGb(id),
    deleteOption,
    managedDisk: {
      id: groupShouted(id),
      storageAccountType: context.estate.get('disk', id)?.sku,
      ...keysOf(context.estate.get('disk', id)),
    },
  })
  return {
    id: vm.id,
    name: vm.name,
    type: vmType,
    location: vm.location,
    tags: vm.tags,
    etag: vm.etag,
    ...(vm.extensions.length > 0
      ? { resources: vm.extensions.map((extension) => showExtension(context, vm, extension)) }
      : {}),
    ...(vm.zones.length > 0 ? { zones: vm.zones } : {}),
    properties: {
      ...shown,
      vmId: vm.vmId,
      timeCreated: vm.createdAt.toISOString(),
      provisioningState: provisioningState(vm.life.state()),
      hardwareProfile: { vmSize: vm.size },
      ...(vm.hibernationEnabled ? { additionalCapabilities: { hibernationEnabled: true } } : {}),
      storageProfile: {
        ...(imageReference === undefined ? {} : { imageReference }),
        osDisk: attached(vm.osDisk),
        dataDisks: vm.dataDisks.map((disk) => ({ ...attached(disk), lun: disk.lun })),
      },
      networkProfile: {
        networkInterfaces: vm.nics.map(({ id, primary, deleteOption }) => ({
          id,
          properties: { primary, deleteOption },
        })),
      },
      ...(withView ? { instanceView: instanceView(vm) } : {}),
    },
  }
}

const keysOf = (disk: Disk | undefined) =>
  disk?.encryptionSet === undefined ? {} : { diskEncryptionSet: { id: disk.encryptionSet } }

/** The compute service spells the group of a disk in capitals, which clients have to bear. */
const groupShouted = (id: string): string =>
  id
    .split('/')
    .map((part, index) => (index === 4 ? part.toUpperCase() : part))
    .join('/')

export function instanceView(vm: Vm): Record<string, unknown> {
  const phase = vm.life.state()
  const provisioning = provisioningState(phase)
  const power: Partial<Record<VmPhase, string>> = {
    running: 'running',
    restarting: 'running',
    deleting: 'stopping',
    starting: 'starting',
    deallocating: 'deallocating',
    deallocated: 'deallocated',
    hibernating: 'deallocating',
    hibernated: 'deallocated',
  }
  const failed = vm.failure && phase === 'failed' ? vm.failure : undefined
  return {
    computerName: vm.name,
    hyperVGeneration: vm.generation,
    statuses: [
      failed
        ? {
            code: `ProvisioningState/failed/${failed.code}`,
            level: 'Error',
            displayStatus: 'Provisioning failed',
            message: failed.message,
          }
        : {
            code: `ProvisioningState/${provisioning.toLowerCase()}`,
            level: 'Info',
            displayStatus: `Provisioning ${provisioning.toLowerCase()}`,
          },
      ...(power[phase] === undefined
        ? []
        : [{ code: `PowerState/${power[phase]}`, level: 'Info', displayStatus: `VM ${power[phase]}` }]),
      ...(phase === 'hibernated'
        ? [{ code: 'HibernationState/Hibernated', level: 'Info', displayStatus: 'Hibernated' }]
        : []),
    ],
  }
}

export const showExtension = (
  context: Context,
  vm: Vm,
  { name, given, readyAtMs }: Vm['extensions'][number],
) => ({
  id: `${vm.id}/extensions/${name}`,
  name,
  type: `${vmType}/extensions`,
  location: vm.location,
  properties: {
    ...given,
    provisioningState: context.clock.now() >= readyAtMs ? 'Succeeded' : 'Creating',
  },
})
