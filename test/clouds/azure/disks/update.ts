import { accepted, type ArmHandler, type Context } from '#test/clouds/azure/context.ts'
import { diskSku } from '#test/clouds/azure/disks/disk-body.ts'
import { findDisk, showDisk } from '#test/clouds/azure/disks/disks.ts'
import type { Disk, Tags } from '#test/clouds/azure/estate.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { flag, object, oneOf, tags, whole } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Compute'
const gibibyte = 1024 ** 3

/** Up to this size a disk that is in use may grow; beyond it only once nobody has it. */
const largestOnlineGib = 4095

const diskUpdate = object('DiskUpdate', {
  tags,
  sku: diskSku,
  properties: object('DiskUpdateProperties', {
    diskSizeGB: whole(1, 65_536),
    osType: oneOf('Linux', 'Windows'),
    supportsHibernation: flag,
    networkAccessPolicy: oneOf('AllowAll', 'AllowPrivate', 'DenyAll'),
    publicNetworkAccess: oneOf('Enabled', 'Disabled'),
  }),
})

export const patchDisk: ArmHandler = async (context, request) => {
  const disk = findDisk(context, request)
  diskUpdate(request.body, '')
  const body = request.body as { tags?: Tags; sku?: { name: string }; properties?: { diskSizeGB?: number } }
  if (disk.life.state() === 'deleting')
    throw new Refusal(409, 'OperationNotAllowed', `Disk ${disk.name} is being deleted.`)
  const sizeGib = body.properties?.diskSizeGB
  if (sizeGib !== undefined && sizeGib * gibibyte !== disk.sizeBytes) await grow(context, disk, sizeGib)
  disk.tags = body.tags ?? disk.tags
  disk.sku = body.sku?.name ?? disk.sku
  return accepted(context, request, {
    provider,
    region: disk.location,
    status: 202,
    body: showDisk(disk),
    afterMs: 0,
  })
}

async function grow(context: Context, disk: Disk, sizeGib: number): Promise<void> {
  if (sizeGib * gibibyte < disk.sizeBytes) {
    throw new Refusal(
      400,
      'ResizeDiskError',
      `New disk size ${sizeGib} GB must be larger than the current size of disk ${disk.name}.`,
      'disk.diskSizeGB',
    )
  }
  const vm = disk.managedBy === undefined ? undefined : context.estate.get('vm', disk.managedBy)
  const phase = vm?.life.state()
  if (phase === 'hibernated')
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `VM ${vm?.name} is hibernated: its disks cannot be changed.`,
    )
  if (vm && phase !== 'deallocated') {
    const boots = vm.osDisk.id.toLowerCase() === disk.id.toLowerCase()
    const leaps = sizeGib > largestOnlineGib && disk.sizeBytes <= largestOnlineGib * gibibyte
    if (boots || leaps) {
      throw new Refusal(
        409,
        'OperationNotAllowed',
        `Cannot resize disk ${disk.name} while it is attached to running VM ${vm.id}. Resizing a disk of an Azure Virtual Machine requires the virtual machine to be deallocated. Please stop your VM and retry the operation.`,
      )
    }
  }
  await context.store.resize(disk.storeId, sizeGib * gibibyte)
  disk.sizeBytes = sizeGib * gibibyte
}
