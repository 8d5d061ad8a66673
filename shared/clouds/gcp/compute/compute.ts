import type { CloudRef, ComputeFacet } from '#shared/clouds/port.ts'
import { gcpCapabilities } from '#shared/clouds/gcp/capabilities.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { resizeVm, setVmTags, swapVmDisk } from '#shared/clouds/gcp/compute/change.ts'
import { createVm } from '#shared/clouds/gcp/compute/create.ts'
import { customSize } from '#shared/clouds/gcp/compute/custom-size.ts'
import { sizesOf } from '#shared/clouds/gcp/compute/sizes.ts'
import { findPlace, getVm, listVms, placeOf } from '#shared/clouds/gcp/compute/vms.ts'
import { refuseLive } from '#shared/clouds/stop-to-resize.ts'

/** VM instances of Compute Engine. @param release removes what a written disk passed through. */
export function createCompute(gcp: GcpClient, release: (ref: CloudRef) => Promise<void>): ComputeFacet {
  /** One of the calls that name a VM and nothing else; it returns once Google has accepted it. */
  const power =
    (verb: 'start' | 'stop' | 'reset' | 'suspend' | 'resume') =>
    async (ref: CloudRef): Promise<void> => {
      const place = await placeOf(gcp, ref)
      await gcp.compute('Instances', `compute.instances.${verb}`, (client, once) => client[verb](place, once))
    }
  return {
    sizes: (region) => sizesOf(gcp, region),
    customSize: (region, name) => customSize(gcp, region, name),
    create: (request) => createVm(gcp, request, release),
    get: (ref) => getVm(gcp, ref),
    list: ({ region }) => listVms(gcp, region),
    start: power('start'),
    stop: power('stop'),
    restart: power('reset'),
    suspend: power('suspend'),
    resume: power('resume'),
    async resize(ref, instanceType, options) {
      refuseLive('gcp', gcpCapabilities, options)
      await resizeVm(gcp, ref, instanceType)
    },
    setTags: (ref, change) => setVmTags(gcp, ref, change),
    swapDisk: (ref, swap) => swapVmDisk(gcp, ref, swap),

    /** Disks that were made with the VM go with it; volumes that were attached later stay. */
    async delete(ref) {
      const place = await findPlace(gcp, ref)
      if (!place) return
      await orMissing(
        gcp.compute('Instances', 'compute.instances.delete', (client, once) => client.delete(place, once)),
      )
    },

    async consoleOutput(ref) {
      const place = await findPlace(gcp, ref)
      if (!place) return undefined
      const output = await orMissing(
        gcp.compute('Instances', 'compute.instances.getSerialPortOutput', (client, once) =>
          client.getSerialPortOutput({ ...place, port: 1 }, once),
        ),
      )
      return output?.[0].contents || undefined
    },
  }
}
