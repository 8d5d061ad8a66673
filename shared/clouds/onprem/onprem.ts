import type { Cloud, CloudSettings } from '#shared/clouds/port.ts'
import { libvirtCapabilities, qemuCapabilities } from '#shared/clouds/onprem/capabilities.ts'
import { createCompute } from '#shared/clouds/onprem/compute/compute.ts'
import type { Needs } from '#shared/clouds/onprem/compute/needs.ts'
import { createDisks } from '#shared/clouds/onprem/disks/disks.ts'
import type { Interceptor } from '#shared/clouds/onprem/gate.ts'
import { openSite } from '#shared/clouds/onprem/hosts.ts'
import { createHosts } from '#shared/clouds/onprem/hosts/hosts.ts'
import { createIdentity } from '#shared/clouds/onprem/identity/identity.ts'
import { createMachineImages } from '#shared/clouds/onprem/images/copies.ts'
import { createImages } from '#shared/clouds/onprem/images/images.ts'
import { createInventory } from '#shared/clouds/onprem/inventory/inventory.ts'
import { createMachineNetworks } from '#shared/clouds/onprem/networks/machines.ts'
import { createNetworks } from '#shared/clouds/onprem/networks/networks.ts'
import { createObjectStorage } from '#shared/clouds/onprem/objects/storage.ts'
import { createBilling } from '#shared/clouds/onprem/billing/billing.ts'
import { forgetMachine, forgetVolume } from '#shared/clouds/onprem/billing/usage.ts'
import { createHealth } from '#shared/clouds/onprem/health/health.ts'
import { createMetrics } from '#shared/clouds/onprem/metrics/metrics.ts'
import { createPosture } from '#shared/clouds/onprem/posture/posture.ts'
import { createPrices } from '#shared/clouds/onprem/prices/prices.ts'
import { createQuotas } from '#shared/clouds/onprem/quotas/quotas.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import { sampleHosts, tidyUp } from '#shared/clouds/onprem/upkeep.ts'
import { createVolumes } from '#shared/clouds/onprem/volumes/volumes.ts'

/**
 * Hosts of one's own, by the driver that the registration names. Makes no call.
 * @param intercept what tests put between the provider and its hypervisors.
 * @throws CloudError `invalid_request` if the registration is not one.
 */
export async function openOnPremise(
  settings: CloudSettings,
  { intercept }: { intercept?: Interceptor } = {},
): Promise<Cloud> {
  const site = await openSite(parseOnPremSettings(settings), intercept ? { intercept } : {})
  const capabilities = { qemu: qemuCapabilities, libvirt: libvirtCapabilities }[site.settings.options.driver]
  const objectStorage = createObjectStorage(site)
  const { buckets, objects } = objectStorage
  const needs: Needs = {
    capabilities,
    networks: createMachineNetworks(site),
    images: createMachineImages(site),
    forgetMachine,
    forgetVolume,
  }
  const compute = createCompute(site, needs)
  const disks = createDisks(site, needs.forgetVolume)
  const networks = createNetworks(site)
  const storage = { volumes: createVolumes(site, needs.forgetVolume), buckets, objects }
  const images = createImages(site, objects)
  return {
    type: 'on-premise',
    capabilities,
    identity: createIdentity(site),
    compute,
    disks,
    images,
    networks,
    storage,
    hosts: createHosts(site, needs),
    inventory: createInventory(site, { compute, disks, images, networks, storage }),
    metrics: createMetrics(site),
    quotas: createQuotas(site),
    prices: createPrices(site),
    billing: createBilling(site),
    posture: createPosture(site, buckets),
    health: createHealth(site),
    rounds: {
      async minutely() {
        await sampleHosts(site)
      },
      async hourly() {
        await tidyUp(site)
      },
    },
    close() {
      images.close()
      objectStorage.close()
      site.close()
    },
  }
}
