import { randomUUID } from 'node:crypto'
import type { PlainReply } from '#test/clouds/core/server.ts'
import {
  accepted,
  checkReference,
  fixed,
  idOf,
  groupOf,
  listOf,
  locationOf,
  notFound,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import { diskBody, type DiskBody } from '#test/clouds/azure/disks/disk-body.ts'
import { provisioningState, type Disk } from '#test/clouds/azure/estate.ts'
import { usableVersion } from '#test/clouds/azure/images/world.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { footerBytes } from '#test/clouds/azure/vhd.ts'

export const diskType = 'Microsoft.Compute/disks'
const provider = 'Microsoft.Compute'
const gibibyte = 1024 ** 3

export const putDisk: ArmHandler = async (context, request) => {
  const id = idOf(context, request, diskType)
  diskBody(request.body, '')
  const location = locationOf(request.body)
  const body = request.body as DiskBody
  const { creationData: made, diskSizeGB } = body.properties
  const existing = context.estate.get('disk', id)
  if (existing) return updateDisk(context, request, existing, body, location)

  const keys = body.properties.encryption?.diskEncryptionSetId
  checkReference(context, keys)
  const storeId = `disk-${randomUUID()}`
  let sizeBytes = (diskSizeGB ?? 0) * gibibyte
  let inherited: { architecture?: 'x64' | 'Arm64'; generation?: 'V1' | 'V2' } = {}
  if (made.createOption === 'Upload') {
    if (made.uploadSizeBytes === undefined) throw missing('disk.creationData.uploadSizeBytes')
    sizeBytes = made.uploadSizeBytes - footerBytes
    await context.store.create(storeId, sizeBytes)
  } else if (made.createOption === 'Empty') {
    if (diskSizeGB === undefined) throw missing('disk.diskSizeGB')
    await context.store.create(storeId, sizeBytes)
  } else if (made.createOption === 'Copy') {
    const from = made.sourceResourceId ?? ''
    const source = context.estate.get('snapshot', from) ?? context.estate.get('disk', from)
    if (!source) throw new Refusal(404, 'NotFound', `Resource '${from}' not found.`)
    if (source.life.state() !== 'ready')
      throw new Refusal(409, 'OperationNotAllowed', `Resource '${from}' is not ready to be copied.`)
    if (sizeBytes > 0 && sizeBytes < source.sizeBytes) {
      throw new Refusal(
        400,
        'InvalidParameter',
        `The specified disk size ${diskSizeGB} GB is smaller than the size of the corresponding snapshot.`,
        'disk.diskSizeGB',
      )
    }
    inherited = { architecture: source.architecture, generation: source.generation }
    sizeBytes = Math.max(sizeBytes, source.sizeBytes)
    await context.store.clone(storeId, source.storeId)
    await context.store.resize(storeId, sizeBytes)
  } else if (made.createOption === 'FromImage') {
    const { definition, version } = usableVersion(context, made.galleryImageReference?.id ?? '')
    const [boot] = version.disks
    if (!boot) throw missing('disk.creationData.galleryImageReference')
    inherited = { architecture: definition.architecture, generation: definition.generation }
    sizeBytes = Math.max(sizeBytes, boot.sizeBytes)
    await context.store.clone(storeId, boot.storeId)
    await context.store.resize(storeId, sizeBytes)
  } else {
    throw new Refusal(
      400,
      'InvalidParameter',
      `createOption '${made.createOption}' is not offered here.`,
      'disk.creationData.createOption',
    )
  }

  const disk = addDisk(context, {
    id,
    name: request.path['name'] ?? '',
    group: groupOf(context, request),
    location,
    tags: body.tags ?? {},
    storeId,
    sizeBytes,
    zones: body.zones ?? [],
    sku: body.sku?.name ?? 'Standard_LRS',
    upload: made.createOption === 'Upload' ? 'ready' : 'none',
    architecture: body.properties.supportedCapabilities?.architecture ?? inherited.architecture ?? 'x64',
    generation: body.properties.hyperVGeneration ?? inherited.generation ?? 'V1',
    ...(keys === undefined ? {} : { encryptionSet: keys }),
    given: body.properties,
  })
  return accepted(context, request, {
    provider,
    region: location,
    status: 202,
    body: showDisk(disk),
    afterMs: context.delays.disk,
  })
}

/** Enters a disk whose bytes are in the store. */
export function addDisk(
  context: Context,
  facts: Omit<Disk, 'kind' | 'life' | 'createdAt' | 'uniqueId' | 'etag' | 'footer'>,
): Disk {
  const { estate, store, delays } = context
  const disk: Disk = {
    ...facts,
    kind: 'disk',
    createdAt: new Date(),
    uniqueId: randomUUID(),
    etag: `"0x${randomUUID().slice(0, 8).toUpperCase()}"`,
    footer: Buffer.alloc(footerBytes),
    life: estate.begin(delays.disk, delays.disk, () => {
      estate.drop(facts.id)
      context.later(store.remove(facts.storeId))
    }),
  }
  estate.add(disk)
  return disk
}

function updateDisk(
  context: Context,
  request: ArmRequest,
  disk: Disk,
  body: DiskBody,
  location: string,
): PlainReply {
  if (disk.life.state() === 'deleting')
    throw new Refusal(409, 'OperationNotAllowed', `Disk ${disk.name} is being deleted.`)
  if (location !== disk.location) {
    throw new Refusal(
      409,
      'InvalidResourceLocation',
      `The resource '${disk.name}' already exists in location '${disk.location}' in resource group '${disk.group}'. A resource with the same name cannot be created in location '${location}'.`,
    )
  }
  const before = disk.given as DiskBody['properties']
  const { createOption, uploadSizeBytes, sourceResourceId } = body.properties.creationData
  const was = before.creationData
  if (was && createOption !== was.createOption) throw fixed('creationData.createOption')
  if (was && uploadSizeBytes !== was.uploadSizeBytes) throw fixed('creationData.uploadSizeBytes')
  if (was && sourceResourceId?.toLowerCase() !== was.sourceResourceId?.toLowerCase())
    throw fixed('creationData.sourceResourceId')
  if ((body.properties.hyperVGeneration ?? disk.generation) !== disk.generation)
    throw fixed('hyperVGeneration')
  if ((body.zones ?? []).join() !== disk.zones.join()) throw fixed('zones')
  refuseKeyChange(disk, body.properties.encryption?.diskEncryptionSetId)
  disk.tags = body.tags ?? {}
  return accepted(context, request, {
    provider,
    region: disk.location,
    status: 202,
    body: showDisk(disk),
    afterMs: 0,
  })
}

export const getDisk: ArmHandler = (context, request) => json(200, showDisk(findDisk(context, request)))

export const listDisks: ArmHandler = (context, request) =>
  listOf(context, request, diskType, (group) => context.estate.list('disk', group).map(showDisk))

export const deleteDisk: ArmHandler = (context, request) => {
  const disk = context.estate.get('disk', idOf(context, request, diskType))
  if (!disk) return { status: 204 }
  if (disk.managedBy !== undefined) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Disk ${disk.name} is attached to VM ${disk.managedBy}.`,
      'dataDisk',
    )
  }
  refuseWhileGranted(context, disk)
  if (disk.life.state() !== 'deleting') disk.life.enter('deleting')
  return accepted(context, request, {
    provider,
    region: disk.location,
    status: 202,
    afterMs: context.delays.disk,
  })
}

export function findDisk(context: Context, request: ArmRequest): Disk {
  const disk = context.estate.get('disk', idOf(context, request, diskType))
  if (disk) return disk
  throw notFound(request, diskType)
}

/** Azure neither attaches nor deletes what somebody may still be reading or writing. */
export function refuseWhileGranted(
  { signatures }: Context,
  thing: { name: string; grant?: Disk['grant'] },
): void {
  if (!thing.grant || !signatures.live(thing.grant)) return
  throw new Refusal(
    409,
    'OperationNotAllowed',
    `There is an active shared access signature outstanding for disk ${thing.name}. Call EndGetAccess before attaching or deleting the disk. Learn more here: aka.ms/revokeaccessapi.`,
  )
}

export function diskState(disk: Disk): string {
  if (disk.upload === 'ready') return 'ReadyToUpload'
  if (disk.upload === 'active') return 'ActiveUpload'
  if (disk.managedBy !== undefined)
    return disk.grant && disk.grant.expiresAtMs > Date.now() ? 'ActiveSASFrozen' : 'Attached'
  return disk.grant && disk.grant.expiresAtMs > Date.now() ? 'ActiveSAS' : 'Unattached'
}

export function showDisk(disk: Disk): Record<string, unknown> {
  return {
    id: disk.id,
    name: disk.name,
    type: diskType,
    location: disk.location,
    tags: disk.tags,
    sku: { name: disk.sku, tier: disk.sku.split('_')[0] },
    ...(disk.zones.length > 0 ? { zones: disk.zones } : {}),
    ...(disk.managedBy === undefined ? {} : { managedBy: disk.managedBy }),
    properties: {
      ...disk.given,
      hyperVGeneration: disk.generation,
      supportedCapabilities: { architecture: disk.architecture },
      diskSizeBytes: disk.sizeBytes,
      diskSizeGB: Math.ceil(disk.sizeBytes / gibibyte),
      diskState: diskState(disk),
      provisioningState: provisioningState(disk.life.state()),
      timeCreated: disk.createdAt.toISOString(),
      uniqueId: disk.uniqueId,
      encryption:
        disk.encryptionSet === undefined
          ? { type: 'EncryptionAtRestWithPlatformKey' }
          : { type: 'EncryptionAtRestWithCustomerKey', diskEncryptionSetId: disk.encryptionSet },
      networkAccessPolicy: 'AllowAll',
      publicNetworkAccess: 'Enabled',
    },
  }
}

const missing = (parameter: string): Refusal =>
  new Refusal(400, 'InvalidParameter', `Required parameter '${parameter}' is missing (null).`, parameter)

/** Keys can be changed by an update of their own; a repeated creation must name the same. */
function refuseKeyChange(disk: Disk, keys: string | undefined): void {
  if (keys !== undefined && keys.toLowerCase() !== disk.encryptionSet?.toLowerCase())
    throw fixed('encryption.diskEncryptionSetId')
}
