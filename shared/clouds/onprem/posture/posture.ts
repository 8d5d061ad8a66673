import type { CloudRef, PostureFacet, PostureResource } from '#shared/clouds/port.ts'
import { listVms } from '#shared/clouds/onprem/compute/list.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { publicIps } from '#shared/clouds/onprem/networks/addresses.ts'
import { placesIn, toNetwork } from '#shared/clouds/onprem/networks/places.ts'
import type { BucketsFacet } from '#shared/clouds/port.ts'

type Known = Pick<PostureResource, 'region' | 'id' | 'name' | 'tags'>

/**
 * Everything of a location that checks look at, from its records. There is no metadata service, nobody outside to share a snapshot or image with, no
 * identity for guests, no secure boot (firmware without enrolled keys) and no virtual TPM.
 */
export const createPosture = (site: Site, buckets: BucketsFacet): PostureFacet => ({
  async *inventory({ region }) {
    yield account(site, region)
    yield* vms(site, region)
    yield* disks(site, region)
    yield* snapshots(site, region)
    yield* images(site, region)
    yield* networks(site, region)
    yield* addresses(site, region)
    for await (const bucket of buckets.list({ region })) {
      const { encrypted, keyId, access, versioning } = bucket
      yield {
        ...known(bucket),
        kind: 'bucket',
        encrypted,
        customerKey: keyId !== undefined,
        access,
        versioning,
      }
    }
  },
})

const known = ({ region, id, name, tags }: Known): Known => ({ region, id, name, tags: { ...tags } })

const account = ({ settings }: Site, region: string): PostureResource => ({
  kind: 'account',
  region,
  id: settings.providerId,
  name: settings.providerId,
  tags: {},
  disksEncryptedByDefault: settings.credentials['volume_key'] !== undefined,
  publicSnapshotsBlocked: true,
  serialConsoleAllowed: true,
})

async function* vms(site: Site, region: string): AsyncGenerator<PostureResource> {
  const encrypted = new Map<string, boolean>()
  for await (const { id, body } of site.all('volume', region)) encrypted.set(id, body.keyName !== undefined)
  const publicAddresses = (of: string) => publicIps(site, of)
  for await (const vm of listVms(site, { publicAddresses }, region)) {
    yield {
      ...known(vm),
      kind: 'vm',
      running: vm.state === 'running',
      publicIp: vm.publicIp !== undefined,
      securityGroups: vm.securityGroups,
      ...(vm.disks.length === 0
        ? {}
        : { disksEncrypted: vm.disks.every((disk) => encrypted.get(disk.id) === true) }),
      secureBoot: false,
      virtualTpm: false,
      detailedMonitoring: true,
      serialConsoleEnabled: true,
      deletionProtected: false,
    }
  }
}

async function* disks(site: Site, region: string): AsyncGenerator<PostureResource> {
  for await (const { id, body } of site.all('volume', region))
    yield {
      ...known({ region, id, name: body.name, tags: body.tags }),
      kind: 'disk',
      encrypted: body.keyName !== undefined,
      customerKey: body.keyId !== undefined,
      attached: body.vm !== undefined,
      publicNetworkAccess: false,
    }
}

async function* snapshots(site: Site, region: string): AsyncGenerator<PostureResource> {
  for await (const { id, body } of site.all('snapshot', region))
    if (body.deleted !== true)
      yield {
        ...known({ region, id, name: body.name, tags: body.tags }),
        kind: 'snapshot',
        encrypted: body.keyName !== undefined,
        customerKey: isCustomers(body.keyName),
        public: false,
        createdAt: new Date(body.createdAt),
      }
}

async function* images(site: Site, region: string): AsyncGenerator<PostureResource> {
  for await (const { id, body } of site.all('image', region))
    yield {
      ...known({ region, id, name: body.name, tags: body.tags }),
      kind: 'image',
      public: false,
      encrypted: body.disks.every(({ keyName }) => keyName !== undefined),
    }
}

async function* networks(site: Site, region: string): AsyncGenerator<PostureResource> {
  const inUse = new Set<string>()
  for await (const { body } of site.all('vm', region)) for (const id of body.securityGroups) inUse.add(id)
  for (const { id, body } of await site.homeOf(region).records.list('security_group'))
    yield {
      ...known({ region, id, name: body.name, tags: body.tags }),
      kind: 'security_group',
      rules: body.rules,
      isDefault: false,
      inUse: inUse.has(id),
    }
  for (const place of await placesIn(site, region)) {
    const network = toNetwork(region, place)
    yield { ...known(network), kind: 'network', isDefault: network.isDefault, flowLogs: false }
  }
}

async function* addresses(site: Site, region: string): AsyncGenerator<PostureResource> {
  for (const { id, body } of await site.homeOf(region).records.list('address'))
    yield {
      ...known({ region, id, name: body.name, tags: body.tags } satisfies Known & CloudRef),
      kind: 'address',
      attached: body.vm !== undefined,
    }
}

/** Files of a snapshot are encrypted by the key of their volume: `key_<name>/…` is a customer's. */
const isCustomers = (keyName: string | undefined): boolean => keyName?.startsWith('key_') ?? false
