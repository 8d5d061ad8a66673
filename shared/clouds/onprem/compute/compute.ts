import type { ComputeFacet } from '#shared/clouds/port.ts'
import { createVm } from '#shared/clouds/onprem/compute/create.ts'
import { describeVm, getVm, listVms } from '#shared/clouds/onprem/compute/list.ts'
import type { Needs } from '#shared/clouds/onprem/compute/needs.ts'
import { createPower } from '#shared/clouds/onprem/compute/power.ts'
import { removeVm } from '#shared/clouds/onprem/compute/remove.ts'
import { resizeVm } from '#shared/clouds/onprem/compute/resize.ts'
import { ownSizeOf, sizesOf } from '#shared/clouds/onprem/compute/sizes.ts'
import { swapDisk } from '#shared/clouds/onprem/compute/swap-disk.ts'
import { setTags } from '#shared/clouds/onprem/compute/tags.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'

/** VMs on hosts of one's own. */
export function createCompute(site: Site, needs: Needs): ComputeFacet {
  const { networks } = needs
  return {
    sizes: (region) => sizesOf(site, region),
    customSize: (region, name) => ownSizeOf(site, region, name),
    create: async (request) => describeVm(await createVm(site, needs, request), networks),
    get: (ref) => getVm(site, networks, ref),
    list: ({ region }) => listVms(site, networks, region),
    ...createPower(site, networks),
    resize: (ref, instanceType, options) => resizeVm(site, ref, instanceType, options),
    setTags: (ref, change) => setTags(site, ref, change),
    swapDisk: (ref, swap) => swapDisk(site, ref, swap),
    delete: (ref) => removeVm(site, needs, ref),
    async consoleOutput({ region, id }) {
      const found = await site.find('vm', id, region)
      return found?.host.machines.console(id)
    },
  }
}
