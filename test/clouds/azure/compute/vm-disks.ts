import { randomUUID } from 'node:crypto'
import {
  checkReference,
  groupOf,
  type ArmRequest,
  type Context,
  type Sku,
} from '#test/clouds/azure/context.ts'
import { addDisk, diskState, diskType, refuseWhileGranted } from '#test/clouds/azure/disks/disks.ts'
import type { Disk, Vm } from '#test/clouds/azure/estate.ts'
import { findImage } from '#test/clouds/azure/images/boot.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import type { VmBody } from '#test/clouds/azure/compute/vm-body.ts'

/** The disks a VM is to get: checked, and made or attached by `take`. */
export interface BootDisk {
  fromImage: boolean
  take(): Promise<Pick<Vm, 'osDisk' | 'dataDisks' | 'generation'>>
}

const gibibyte = 1024 ** 3

/** A new boot disk from an image, with the tags of its VM. */
export function imageDisk(
  context: Context,
  request: ArmRequest,
  body: VmBody,
  size: Sku,
  vmId: string,
): BootDisk {
  const { imageReference, osDisk, dataDisks = [] } = body.properties.storageProfile
  if (!imageReference)
    throw new Refusal(
      400,
      'InvalidParameter',
      "Required parameter 'imageReference' is missing (null).",
      'imageReference',
    )
  const image = findImage(context, imageReference)
  if (dataDisks.length > 0)
    throw new Refusal(
      400,
      'InvalidParameter',
      'Data disks beside an image are not offered here.',
      'dataDisks',
    )
  checkFit(size, image)
  const keys = osDisk?.managedDisk?.diskEncryptionSet?.id
  checkReference(context, keys)
  const group = groupOf(context, request)
  const name = osDisk?.name ?? `${request.path['name']}_OsDisk_1_${randomUUID().replaceAll('-', '')}`
  const id = `/subscriptions/${context.subscription}/resourceGroups/${group}/providers/${diskType}/${name}`
  const existing = context.estate.get('disk', id)
  if (existing && existing.managedBy !== vmId) {
    throw new Refusal(
      409,
      'ConflictingUserInput',
      `Disk ${name} already exists in resource group ${group}. Only CreateOption.Attach is supported.`,
      name,
    )
  }

  const common = {
    group,
    location: (request.body as { location: string }).location,
    tags: { ...body.tags },
    zones: body.zones ?? [],
    sku: osDisk?.managedDisk?.storageAccountType ?? 'Premium_LRS',
    upload: 'none' as const,
    managedBy: vmId,
    ...(keys === undefined ? {} : { encryptionSet: keys }),
    architecture: image.architecture,
    generation: image.generation,
  }

  return {
    fromImage: !image.specialized,
    async take() {
      const storeId = `disk-${randomUUID()}`
      const imageBytes = await image.copyTo(storeId)
      const sizeBytes = Math.max(Math.ceil(imageBytes / gibibyte), osDisk?.diskSizeGB ?? 1) * gibibyte
      await context.store.resize(storeId, sizeBytes)
      const made = { osType: 'Linux', creationData: { createOption: 'FromImage', ...image.reference } }
      addDisk(context, { ...common, id, name, storeId, sizeBytes, given: made })
      const more = await image.dataDisks(({ lun }) => {
        const dataName = `${request.path['name']}_lun_${lun}_2_${randomUUID().replaceAll('-', '')}`
        return { dataName, dataId: `${id.slice(0, -name.length)}${dataName}` }
      })
      for (const { dataId, dataName, ...bytes } of more)
        addDisk(context, {
          ...common,
          id: dataId,
          name: dataName,
          storeId: bytes.storeId,
          sizeBytes: bytes.sizeBytes,
          given: { creationData: { createOption: 'FromImage', ...image.reference } },
        })
      return {
        osDisk: {
          id,
          deleteOption: osDisk?.deleteOption ?? 'Detach',
          given: { osType: 'Linux', createOption: 'FromImage' },
        },
        dataDisks: more.map(({ dataId, lun }) => ({
          id: dataId,
          lun,
          deleteOption: 'Detach',
          given: { createOption: 'FromImage' },
        })),
        generation: image.generation,
      }
    },
  }
}

/** Disks that exist already, boot disk first. */
export function attachDisks(
  context: Context,
  body: VmBody,
  size: Sku,
  vmId: string,
  location: string,
): BootDisk {
  const { osDisk, dataDisks = [], imageReference } = body.properties.storageProfile
  if (imageReference)
    throw new Refusal(400, 'InvalidParameter', "Parameter 'imageReference' is not allowed.", 'imageReference')
  const found = [osDisk, ...dataDisks].map((given) =>
    attachable(context, given?.managedDisk?.id ?? '', vmId, location),
  )
  const [boot] = found
  if (!boot)
    throw new Refusal(
      400,
      'InvalidParameter',
      "Required parameter 'osDisk.managedDisk.id' is missing (null).",
      'osDisk',
    )
  if (new Set(dataDisks.map(({ lun }) => lun)).size < dataDisks.length) {
    throw new Refusal(400, 'InvalidParameter', 'A LUN is used by more than one data disk.', 'dataDisk.lun')
  }
  checkFit(size, boot)

  return {
    fromImage: false,
    take() {
      for (const disk of found) disk.managedBy = vmId
      return Promise.resolve({
        osDisk: {
          id: boot.id,
          deleteOption: osDisk?.deleteOption ?? 'Detach',
          given: { osType: 'Linux', createOption: 'Attach' },
        },
        generation: boot.generation,
        dataDisks: dataDisks.map(({ lun, deleteOption = 'Detach' }, index) => ({
          id: found[index + 1]?.id ?? '',
          lun,
          deleteOption,
          given: { createOption: 'Attach' },
        })),
      })
    },
  }
}

export function attachable(context: Context, id: string, vmId: string, location: string): Disk {
  const disk = context.estate.get('disk', id)
  if (!disk) throw new Refusal(404, 'NotFound', `Disk ${id} not found.`)
  if (disk.life.state() !== 'ready') throw new Refusal(409, 'Conflict', `Disk ${disk.name} is not ready.`)
  if (disk.location !== location)
    throw new Refusal(
      400,
      'InvalidParameter',
      `Disk ${disk.name} is in region ${disk.location}.`,
      'managedDisk.id',
    )
  if (disk.managedBy !== undefined && disk.managedBy !== vmId) {
    throw new Refusal(
      409,
      'ConflictingUserInput',
      `Disk '${disk.name}' cannot be attached as the disk is already owned by VM '${disk.managedBy}'.`,
      disk.name,
    )
  }
  if (disk.upload !== 'none') {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Cannot attach disk ${disk.name} in state ${diskState(disk)}: revoke its access signature first.`,
    )
  }
  refuseWhileGranted(context, disk)
  return disk
}

export function checkFit(size: Sku, disk: { generation: string; architecture: string }): void {
  if (size.architecture !== disk.architecture) {
    throw new Refusal(
      400,
      'BadRequest',
      `Cannot create a VM of size '${size.name}' because this VM size only supports a CPU Architecture of '${size.architecture}', but an image or disk with CPU Architecture '${disk.architecture}' was given.`,
    )
  }
  if (!size.generations.split(',').includes(disk.generation)) {
    throw new Refusal(
      400,
      'BadRequest',
      `The selected VM size '${size.name}' cannot boot Hypervisor Generation '${disk.generation.slice(1)}'. If this was a Create operation please check that the Hypervisor Generation of the Image matches the Hypervisor Generation of the selected VM Size.`,
    )
  }
}
