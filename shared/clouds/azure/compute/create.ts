import type { ImageReference, OSProfile, StorageProfile, VirtualMachine } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { unusableKey } from '#shared/clouds/azure/compute/keys.ts'
import type { AzureSize } from '#shared/clouds/azure/compute/sizes.ts'
import { checkWishes, wishedProperties } from '#shared/clouds/azure/compute/wishes.ts'
import { releaseDisk } from '#shared/clouds/azure/disks/disks.ts'
import { zoneNumber } from '#shared/clouds/azure/disks/targets.ts'
import { encryptionSet } from '#shared/clouds/azure/encryption.ts'
import { errorOfCode } from '#shared/clouds/azure/errors.ts'
import { isSpecialized } from '#shared/clouds/azure/images/specialized.ts'
import { failureOf, firmwareOf } from '#shared/clouds/azure/mapping.ts'
import { armId, hostNameOf, nameFor, osDiskNameOf, parseArmId } from '#shared/clouds/azure/names.ts'
import { ensureInterface, requireSecurityGroup } from '#shared/clouds/azure/networks/interfaces.ts'
import { readVm, vmType } from '#shared/clouds/azure/compute/vms.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef, CloudVm, CreateVm } from '#shared/clouds/port.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { withName } from '#shared/clouds/azure/tags.ts'

type FromDisks = Extract<CreateVm['boot'], { disks: CloudRef[] }>
type FromImage = Exclude<CreateVm['boot'], FromDisks>
type Sizes = (region: string) => Promise<AzureSize[]>

/**
 * Creates interface and VM, each a PUT on a name derived from the token: a call after a crash finds what is there and goes on.
 * Disks and interface carry `deleteOption: Delete`, so that deleting the VM is one call that leaves nothing.
 * A VM whose creation Azure gave up (no capacity, say) is tried again by calling again; the reason is thrown where it is known.
 */
export async function createVm(client: AzureClient, request: CreateVm, sizes: Sizes): Promise<CloudVm> {
  const { subscriptionId: subscription, resourceGroup: group } = client.settings
  const name = nameFor(request.token)
  const ref = { region: request.region, id: armId({ subscription, group, type: vmType, name }) }
  const { virtualMachines } = client.compute
  checkWishes(client, request)

  const made = await client.find('VirtualMachines_Get', () =>
    virtualMachines.get(group, name, { expand: 'instanceView' }),
  )
  const gaveUp = made?.provisioningState === 'Failed' && failureOf(made.instanceView?.statuses) !== undefined
  if (!made || gaveUp || made.provisioningState === 'Deleting') {
    const model = await describe(client, request, name, sizes, made?.osProfile)
    await client.submit('VirtualMachines_CreateOrUpdate', () =>
      virtualMachines.createOrUpdate(group, name, model),
    )
  }
  const vm = await readVm(client, ref)
  if (!vm) throw vanished(name)
  if (vm.state === 'error') await throwFailure(client, group, name)
  return vm
}

async function describe(
  client: AzureClient,
  request: CreateVm,
  name: string,
  sizes: Sizes,
  earlier: OSProfile | undefined,
): Promise<VirtualMachine> {
  const { boot } = request
  const size = 'disks' in boot || boot.image !== undefined ? undefined : await sizeOf(request, sizes)
  const storageProfile =
    'disks' in boot ? await fromDisks(client, boot) : fromImage(client, request, boot, name, size)
  const asItWas = 'disks' in boot || (boot.image !== undefined && (await isSpecialized(client, boot.image)))
  const userData =
    request.userData === undefined ? undefined : Buffer.from(request.userData).toString('base64')
  const osProfile = asItWas ? undefined : await accounts(client, request, userData, earlier)
  const wishes = wishedProperties(client, request, size)
  const guard = await requireSecurityGroup(client, request)
  // What is wrong with the request has come out by now; this is the first thing that is made.
  const nic = await withGroup(client, request.region, () => ensureInterface(client, request, name, guard))
  return {
    location: request.region,
    ...(request.zone === undefined ? {} : { zones: [zoneNumber(request.zone)] }),
    tags: withName(request.tags, request.name),
    hardwareProfile: { vmSize: request.instanceType },
    storageProfile,
    networkProfile: { networkInterfaces: [{ id: nic, primary: true, deleteOption: 'Delete' }] },
    diagnosticsProfile: { bootDiagnostics: { enabled: true } },
    ...wishes,
    // A moved system brings its users along; Azure refuses an osProfile with an attached boot disk or a specialised image.
    ...(osProfile === undefined ? {} : { osProfile }),
    ...(asItWas && userData !== undefined ? { userData } : {}),
  }
}

async function fromDisks(client: AzureClient, { disks, firmware }: FromDisks): Promise<StorageProfile> {
  const [bootDisk, ...dataDisks] = disks
  if (bootDisk === undefined) throw invalid('boot.disks', 'names no disk', 'Name the boot disk first.')
  const [found] = await Promise.all(disks.map(({ id }) => releaseDisk(client, id)))
  const has = firmwareOf(found?.hyperVGeneration) ?? 'bios'
  if (has !== firmware)
    throw invalid('boot.firmware', `is ${firmware}, but the disk was made for ${has}`, 'Copy it anew.')
  return {
    osDisk: {
      createOption: 'Attach',
      osType: 'Linux',
      managedDisk: { id: bootDisk.id },
      deleteOption: 'Delete',
    },
    dataDisks: dataDisks.map(({ id }, lun) => ({
      lun,
      createOption: 'Attach',
      managedDisk: { id },
      deleteOption: 'Delete',
    })),
  }
}

function fromImage(
  client: AzureClient,
  { encryption }: CreateVm,
  { image, diskGib }: FromImage,
  name: string,
  size: AzureSize | undefined,
): StorageProfile {
  const keys = encryptionSet(client, encryption)
  return {
    imageReference: image === undefined ? defaultImage(size) : imageReference(image),
    osDisk: {
      name: osDiskNameOf(name),
      createOption: 'FromImage',
      caching: 'ReadWrite',
      managedDisk: {
        storageAccountType: 'StandardSSD_LRS',
        ...(keys === undefined ? {} : { diskEncryptionSet: { id: keys } }),
      },
      deleteOption: 'Delete',
      ...(diskGib === undefined ? {} : { diskSizeGB: diskGib }),
    },
    dataDisks: [],
  }
}

async function sizeOf({ instanceType, region }: CreateVm, sizes: Sizes): Promise<AzureSize> {
  const size = (await sizes(region)).find(
    ({ size: { name } }) => name.toLowerCase() === instanceType.toLowerCase(),
  )
  if (size) return size
  throw invalid('instance_type', `"${instanceType}" is not on offer in ${region}`, 'Take one of its sizes.')
}

/** Ubuntu 24.04, in the build that the size can boot. */
function defaultImage(known: AzureSize | undefined): ImageReference {
  const size = known?.size
  const arm = size?.architectures.includes('arm64')
  const sku = arm ? 'server-arm64' : size?.firmwares.includes('uefi') ? 'server' : 'server-gen1'
  return { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku, version: 'latest' }
}

function imageReference(image: string): ImageReference {
  if (image.startsWith('/')) return { id: image }
  const [publisher, offer, sku, version = 'latest', ...more] = image.split(':')
  if (!publisher || !offer || !sku || more.length > 0) {
    throw invalid(
      'image',
      `"${image}" is not an Azure image`,
      'Use publisher:offer:sku:version or the id of an image.',
    )
  }
  return { publisher, offer, sku, version }
}

/**
 * Azure insists on a way to log in. Without a key pair it gets a key whose private half is thrown away at once: nobody can use
 * it, and there is no secret to keep. A repeated call must send the key of the first, which cannot be changed.
 */
async function accounts(
  client: AzureClient,
  { name, keyPair }: CreateVm,
  customData: string | undefined,
  earlier: OSProfile | undefined,
): Promise<OSProfile> {
  const adminUsername = 'novacron'
  const keyData =
    earlier?.linuxConfiguration?.ssh?.publicKeys?.[0]?.keyData ??
    (keyPair === undefined ? await unusableKey() : await publicKey(client, keyPair))
  return {
    computerName: hostNameOf(name),
    adminUsername,
    ...(customData === undefined ? {} : { customData }),
    linuxConfiguration: {
      disablePasswordAuthentication: true,
      ssh: { publicKeys: [{ path: `/home/${adminUsername}/.ssh/authorized_keys`, keyData }] },
    },
  }
}

/** `keyPair`: the text of a public key, or the name or id of an SSH public key resource. */
async function publicKey(client: AzureClient, keyPair: string): Promise<string> {
  if (/^(ssh-|ecdsa-)/.test(keyPair)) return keyPair
  const { subscriptionId: subscription, resourceGroup } = client.settings
  const type = 'Microsoft.Compute/sshPublicKeys'
  const { group, name } = parseArmId(keyPair, { subscription, group: resourceGroup, type, name: '' })
  const found = await client.call('SshPublicKeys_Get', () => client.compute.sshPublicKeys.get(group, name))
  if (found.publicKey) return found.publicKey
  throw invalid('key_pair', `"${keyPair}" holds no public key`, 'Upload one, or give the public key itself.')
}

async function throwFailure(client: AzureClient, group: string, name: string): Promise<void> {
  const view = await client.call('VirtualMachines_InstanceView', () =>
    client.compute.virtualMachines.instanceView(group, name),
  )
  const failure = failureOf(view.statuses)
  if (failure) throw errorOfCode('VirtualMachines_CreateOrUpdate', failure.code, failure.message)
}

const vanished = (name: string): CloudError =>
  new CloudError(`Azure accepted the VM ${name} and does not know it any more.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_CreateOrUpdate',
    code: 'conflict',
    kind: 'retryable',
  })

const invalid = (field: string, reason: string, remedy: string): CloudError =>
  new CloudError(`${field} ${reason}.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_CreateOrUpdate',
    code: 'invalid_request',
    remedy,
    details: { field },
  })
