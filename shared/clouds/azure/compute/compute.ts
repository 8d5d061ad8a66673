import { azureCapabilities } from '#shared/clouds/azure/capabilities.ts'
import { tailOf } from '#shared/clouds/azure/compute/console.ts'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { createVm } from '#shared/clouds/azure/compute/create.ts'
import { vmState } from '#shared/clouds/azure/mapping.ts'
import { deleteVm } from '#shared/clouds/azure/compute/remove.ts'
import { resizeVm, tagVm } from '#shared/clouds/azure/compute/change.ts'
import { resumeVm, suspendVm } from '#shared/clouds/azure/compute/hibernate.ts'
import { createSizes } from '#shared/clouds/azure/compute/sizes.ts'
import { swapDisk } from '#shared/clouds/azure/compute/swap.ts'
import { getVm, listVms, readVm, vmTarget } from '#shared/clouds/azure/compute/vms.ts'
import { refuseCustomSize } from '#shared/clouds/no-custom-sizes.ts'
import type { CloudRef, ComputeFacet, VmState } from '#shared/clouds/port.ts'
import { refuseLive } from '#shared/clouds/stop-to-resize.ts'

export function createCompute(client: AzureClient): ComputeFacet {
  const { virtualMachines } = client.compute
  const sizes = createSizes(client)

  const stateOf = async (ref: CloudRef): Promise<VmState> =>
    vmState(await getVm(client, vmTarget(client, ref)))

  return {
    sizes: async (region) => (await sizes(region)).map(({ size }) => size),
    customSize: (_, name) => refuseCustomSize('azure', azureCapabilities, name),
    create: (request) => createVm(client, request, sizes),
    get: (ref) => readVm(client, ref),
    list: ({ region }) => listVms(client, region),
    async start(ref) {
      const { group, name } = vmTarget(client, ref)
      await client.submit('VirtualMachines_Start', () => virtualMachines.start(group, name))
    },
    async stop(ref) {
      const { group, name } = vmTarget(client, ref)
      // A VM that only its guest shut down is "stopped" too, yet still billed: that one is deallocated.
      if ((await stateOf(ref)) === 'stopping') return
      await client.submit('VirtualMachines_Deallocate', () => virtualMachines.deallocate(group, name))
    },
    async restart(ref) {
      const { group, name } = vmTarget(client, ref)
      await client.submit('VirtualMachines_Restart', () => virtualMachines.restart(group, name))
    },
    suspend: (ref) => suspendVm(client, ref),
    resume: (ref) => resumeVm(client, ref),
    async resize(ref, instanceType, options) {
      refuseLive('azure', azureCapabilities, options)
      await resizeVm(client, ref, instanceType)
    },
    setTags: (ref, change) => tagVm(client, ref, change),
    swapDisk: (ref, swap) => swapDisk(client, ref, swap),
    delete: (ref) => deleteVm(client, vmTarget(client, ref)),
    async consoleOutput(ref) {
      const { group, name } = vmTarget(client, ref)
      const data = await client.find('VirtualMachines_RetrieveBootDiagnosticsData', () =>
        virtualMachines.retrieveBootDiagnosticsData(group, name),
      )
      return data?.serialConsoleLogBlobUri ? tailOf(client, data.serialConsoleLogBlobUri) : undefined
    },
  }
}
