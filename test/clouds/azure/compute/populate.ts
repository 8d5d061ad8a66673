import { randomUUID } from 'node:crypto'
import type { Context } from '#test/clouds/azure/context.ts'
import { addDisk, diskType } from '#test/clouds/azure/disks/disks.ts'
import type { Network } from '#test/clouds/azure/estate.ts'
import { lifeOf } from '#test/clouds/azure/compute/vms.ts'
import { vmType } from '#test/clouds/azure/compute/vm-view.ts'
import { newEtag } from '#test/clouds/azure/networks/etag.ts'
import { nicType } from '#test/clouds/azure/networks/nics.ts'
import { networkType } from '#test/clouds/azure/networks/subnets.ts'

const location = 'eastus'
const group = 'populated'
const sizeBytes = 1024 ** 3

/** Adds running VMs, each with a boot disk and an interface, as others than NovaCron made them; no quota is counted for them. */
export async function populate(context: Context, count: number): Promise<void> {
  context.estate.groups.set(group, { name: group, location, tags: {} })
  const network = networkOf(context)
  const first = context.estate.list('vm', group).length
  for (let nr = first; nr < first + count; nr++) await addVm(context, network, nr)
}

async function addVm(context: Context, network: Network, nr: number): Promise<void> {
  const { estate, store, subscription } = context
  const name = `populated-${String(nr).padStart(5, '0')}`
  const idOf = (type: string, suffix = '') =>
    `/subscriptions/${subscription}/resourceGroups/${group}/providers/${type}/${name}${suffix}`
  const common = { group, location, tags: {}, createdAt: new Date() }
  const vmId = idOf(vmType)

  const storeId = `disk-${randomUUID()}`
  await store.create(storeId, sizeBytes)
  const disk = addDisk(context, {
    id: idOf(diskType, '-os'),
    name: `${name}-os`,
    group,
    location,
    tags: {},
    storeId,
    sizeBytes,
    zones: [],
    sku: 'StandardSSD_LRS',
    upload: 'none',
    managedBy: vmId,
    architecture: 'x64',
    generation: 'V2',
    given: { osType: 'Linux', creationData: { createOption: 'FromImage' } },
  })
  estate.add({
    ...common,
    kind: 'nic',
    id: idOf(nicType, '-nic'),
    name: `${name}-nic`,
    life: estate.begin(0, context.delays.network, () => estate.drop(idOf(nicType, '-nic'))),
    configurations: [
      {
        name: 'primary',
        subnetId: `${network.id}/subnets/default`,
        privateIp: `10.62.${Math.floor(nr / 250)}.${(nr % 250) + 4}`,
      },
    ],
    vmId,
    etag: newEtag(),
    given: {},
  })
  estate.add({
    ...common,
    kind: 'vm',
    id: vmId,
    name,
    vmId: randomUUID(),
    size: 'Standard_D2s_v5',
    zones: [],
    osDisk: { id: disk.id, deleteOption: 'Detach', given: { osType: 'Linux', createOption: 'FromImage' } },
    dataDisks: [],
    generation: 'V2',
    nics: [{ id: idOf(nicType, '-nic'), primary: true, deleteOption: 'Detach' }],
    fixed: {},
    shown: {},
    diagnostics: true,
    etag: newEtag(),
    hibernationEnabled: false,
    extensions: [],
    uncounted: true,
    life: lifeOf(context, vmId, 'running'),
  })
}

function networkOf({ estate, subscription, delays }: Context): Network {
  const id = `/subscriptions/${subscription}/resourceGroups/${group}/providers/${networkType}/${group}`
  const existing = estate.get('network', id)
  if (existing) return existing
  const network: Network = {
    kind: 'network',
    id,
    name: group,
    group,
    location,
    tags: {},
    createdAt: new Date(),
    prefixes: ['10.62.0.0/16'],
    subnets: [
      { name: 'default', prefix: '10.62.0.0/16', nextHost: 4, etag: newEtag(), defaultOutboundAccess: true },
    ],
    etag: newEtag(),
    busyUntilMs: 0,
    life: estate.begin(0, delays.network, () => estate.drop(id)),
  }
  estate.add(network)
  return network
}
