import type { protos } from '@google-cloud/compute'
import type { CloudVm, CreateVm } from '#shared/clouds/port.ts'
import { assertCapable } from '#shared/clouds/operations.ts'
import { gcpCapabilities } from '#shared/clouds/gcp/capabilities.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { groupTags, interfaceOf } from '#shared/clouds/gcp/compute/groups.ts'
import { insertOnce } from '#shared/clouds/gcp/compute/insert.ts'
import { architectureOf, toVm, type AttachedDisk, type Instance } from '#shared/clouds/gcp/compute/mapping.ts'
import { findInstance, type VmPlace } from '#shared/clouds/gcp/compute/vms.ts'
import { zoneFor } from '#shared/clouds/gcp/compute/zones.ts'
import { nameFor } from '#shared/clouds/gcp/names.ts'
import { keptText, labelsOf, metadataKey } from '#shared/clouds/gcp/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * Makes the VM of an intent, or finds it. Disks are made of images with it; the images have served once it runs, so giving the same intent again
 * then removes them.
 * @param release removes a written disk's image and what else it passed through.
 */
export async function createVm(
  gcp: GcpClient,
  request: CreateVm,
  release: (ref: { region: string; id: string }) => Promise<void>,
): Promise<CloudVm> {
  refuseLacking(request)
  refuseKeys(request)
  const { region, token } = request
  const zone = request.zone ?? (await zoneFor(gcp, region, token))
  const place: VmPlace = { project: gcp.project, zone, instance: nameFor(token) }
  const found = (await findInstance(gcp, place)) ?? (await insert(gcp, request, place))
  if ('disks' in request.boot && (found.status === 'RUNNING' || found.status === 'TERMINATED'))
    for (const disk of request.boot.disks) await release(disk)
  return toVm(found)
}

async function insert(gcp: GcpClient, request: CreateVm, place: VmPlace): Promise<Instance> {
  const { project, zone } = place
  const instanceResource = describeVm(gcp, request, place, await groupTags(gcp, request))
  await insertOnce(gcp, 'compute.instances.insert', request.token, (requestId) =>
    gcp.compute('Instances', 'compute.instances.insert', async (client, once) => {
      const [operation] = await client.insert({ project, zone, requestId, instanceResource }, once)
      return operation.latestResponse as protos.google.cloud.compute.v1.IOperation
    }),
  )
  const made = await findInstance(gcp, place)
  if (made) return made
  throw new CloudError(`The VM ${place.instance} was made and is gone again.`, {
    cloud: 'gcp',
    operation: 'compute.instances.insert',
    code: 'conflict',
    kind: 'retryable',
    remedy: 'It is tried again; something else may be deleting it.',
  })
}

function refuseLacking({ spot, tenancy }: CreateVm): void {
  const wish = (operation: Parameters<typeof assertCapable>[2], wished: boolean) => {
    if (wished) assertCapable('gcp', gcpCapabilities, operation)
  }
  wish('compute.create.spot_price_cap', spot?.maxHourlyPrice !== undefined)
  wish('compute.create.dedicated', tenancy === 'dedicated')
}

/** Compute Engine keeps whatever text it is given as a key: what is none would open nothing, and a second line would be a second key. */
function refuseKeys({ keyPair }: CreateVm): void {
  if (keyPair === undefined || openSshKey.test(keyPair.trim())) return
  throw new CloudError('The key pair is not one public key in OpenSSH’s form.', {
    cloud: 'gcp',
    operation: 'compute.instances.insert',
    code: 'invalid_request',
    remedy:
      'Google Cloud keeps no key pairs by name: give the public key itself, one line such as "ssh-ed25519 AAAA… you@host".',
  })
}

const openSshKey =
  /^(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-[\w-]+@openssh\.com) [A-Za-z0-9+/]+={0,2}(?: [^\r\n]*)?$/

function describeVm(
  gcp: GcpClient,
  request: CreateVm,
  { instance: name, zone }: VmPlace,
  networkTags: string[],
): Instance {
  const { region, instanceType, tags, spot, placementGroup } = request
  return {
    name,
    machineType: `zones/${zone}/machineTypes/${instanceType}`,
    labels: labelsOf(tags),
    metadata: { items: metadataOf(request) },
    disks: disksOf(request, zone),
    networkInterfaces: [
      { ...interfaceOf(gcp, request), accessConfigs: [{ type: 'ONE_TO_ONE_NAT', name: 'External NAT' }] },
    ],
    ...(networkTags.length === 0 ? {} : { tags: { items: networkTags } }),
    ...(spot === undefined
      ? {}
      : {
          scheduling: {
            provisioningModel: 'SPOT',
            instanceTerminationAction: 'STOP',
            automaticRestart: false,
            onHostMaintenance: 'TERMINATE',
          },
        }),
    ...(placementGroup === undefined
      ? {}
      : {
          resourcePolicies: [
            placementGroup.includes('/')
              ? placementGroup
              : `projects/${gcp.project}/regions/${region}/resourcePolicies/${placementGroup}`,
          ],
        }),
  }
}

/** Programs that read it: Google's guest environment takes `startup-script` and `ssh-keys`, cloud-init `user-data`. */
function metadataOf({ name, tags, keyPair, userData }: CreateVm) {
  const items = [{ key: metadataKey, value: keptText({ tags, name }) ?? '{}' }]
  if (keyPair !== undefined) items.push({ key: 'ssh-keys', value: `${loginName}:${keyPair.trim()}` })
  if (userData !== undefined)
    items.push({ key: userData.startsWith('#!') ? 'startup-script' : 'user-data', value: userData })
  return items
}

/** The account that a key pair opens. */
const loginName = 'novacron'

function disksOf({ boot, instanceType, tags, name, encryption }: CreateVm, zone: string): AttachedDisk[] {
  const images =
    'disks' in boot
      ? boot.disks.map(({ id }) => id)
      : [boot.image === undefined ? defaultImage(instanceType) : imageUrl(boot.image)]
  const description = keptText({ tags, name })
  return images.map((sourceImage, index) => ({
    boot: index === 0,
    autoDelete: true,
    ...(encryption?.keyId === undefined ? {} : { diskEncryptionKey: { kmsKeyName: encryption.keyId } }),
    initializeParams: {
      sourceImage,
      diskType: `zones/${zone}/diskTypes/pd-balanced`,
      labels: labelsOf(tags),
      ...(description === undefined ? {} : { description }),
      ...('disks' in boot || boot.diskGib === undefined ? {} : { diskSizeGb: boot.diskGib }),
    },
  }))
}

const defaultImage = (instanceType: string): string =>
  `projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-${architectureOf(undefined, instanceType) === 'arm64' ? 'arm64' : 'amd64'}`

const imageUrl = (image: string): string => (image.includes('/') ? image : `global/images/${image}`)
