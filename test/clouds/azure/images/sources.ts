import { randomUUID } from 'node:crypto'
import type { Context } from '#test/clouds/azure/context.ts'
import type { Version } from '#test/clouds/azure/images/world.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { faultOfFooter, footerBytes } from '#test/clouds/azure/vhd.ts'

/** What a version is to be made of: a VM with all its disks, or a VHD in a storage account. */
export interface VersionSource {
  source?: { virtualMachineId?: string }
  osDiskImage?: { source?: { uri?: string; storageAccountId?: string } }
}

type Taken = Pick<Version, 'disks' | 'failure'>

/** The bytes of a version, taken at the moment of the call. */
export function takeBytes(context: Context, location: string, of: VersionSource): Promise<Taken> {
  const vm = of.source?.virtualMachineId
  const vhd = of.osDiskImage?.source
  if ((vm === undefined) === (vhd === undefined))
    throw new Refusal(
      400,
      'InvalidParameter',
      'An image version has exactly one source: a virtual machine, or an OS disk image.',
      'storageProfile',
    )
  return vm === undefined ? ofVhd(context, vhd ?? {}) : ofVm(context, location, vm)
}

async function ofVm(context: Context, location: string, id: string): Promise<Taken> {
  const vm = context.estate.get('vm', id)
  if (!vm) throw new Refusal(404, 'NotFound', `Resource '${id}' not found.`)
  if (vm.location !== location)
    throw new Refusal(400, 'InvalidParameter', `The VM is in region ${vm.location}.`, 'location')
  const attached = [{ id: vm.osDisk.id, lun: -1 }, ...vm.dataDisks]
  const disks = await Promise.all(
    attached.map(async ({ id: diskId, lun }) => {
      const disk = context.estate.get('disk', diskId)
      if (!disk) throw new Refusal(404, 'NotFound', `Resource '${diskId}' not found.`)
      const storeId = `image-${randomUUID()}`
      await context.store.clone(storeId, disk.storeId)
      return { storeId, sizeBytes: disk.sizeBytes, lun }
    }),
  )
  return { disks }
}

async function ofVhd(
  context: Context,
  { uri = '', storageAccountId = '' }: { uri?: string; storageAccountId?: string },
): Promise<Taken> {
  const account = [...context.accounts.values()].find(
    ({ id }) => id.toLowerCase() === storageAccountId.toLowerCase(),
  )
  if (!account)
    throw new Refusal(404, 'ResourceNotFound', `The storage account '${storageAccountId}' was not found.`)
  const [, name, container = '', ...rest] = URL.canParse(uri) ? new URL(uri).pathname.split('/') : []
  const blob = account.containers.get(container)?.blobs.get(rest.map(decodeURIComponent).join('/'))
  if (name !== account.name || !blob)
    throw new Refusal(
      404,
      'ResourceNotFound',
      `The source blob ${uri} does not exist.`,
      'osDiskImage.source.uri',
    )
  if (blob.type !== 'PageBlob')
    throw new Refusal(
      400,
      'InvalidParameter',
      `The source blob ${uri} is not a page blob. Disks and images are made of page blobs.`,
      'osDiskImage.source.uri',
    )
  const sizeBytes = blob.sizeBytes - footerBytes
  const footer = await context.store.read(blob.storeId, Math.max(0, sizeBytes), footerBytes)
  const fault = faultOfFooter(footer, sizeBytes)
  if (fault !== undefined) return { disks: [], failure: { code: 'InvalidVhd', message: fault } }
  const storeId = `image-${randomUUID()}`
  await context.store.clone(storeId, blob.storeId)
  await context.store.resize(storeId, sizeBytes)
  return { disks: [{ storeId, sizeBytes, lun: -1 }] }
}
