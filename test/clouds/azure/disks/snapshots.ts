import { randomUUID } from 'node:crypto'
import {
  accepted,
  fixed,
  groupOf,
  idOf,
  listOf,
  locationOf,
  notFound,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import { capabilities } from '#test/clouds/azure/disks/disk-body.ts'
import { refuseWhileGranted } from '#test/clouds/azure/disks/disks.ts'
import { provisioningState, type Snapshot, type Tags } from '#test/clouds/azure/estate.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, object, oneOf, tags, text } from '#test/clouds/azure/schema.ts'
import { exportFooter } from '#test/clouds/azure/vhd.ts'

export const snapshotType = 'Microsoft.Compute/snapshots'
const provider = 'Microsoft.Compute'

const snapshotBody = object(
  'Snapshot',
  {
    location: text,
    tags,
    sku: object('SnapshotSku', { name: oneOf('Standard_LRS', 'Premium_LRS', 'Standard_ZRS') }),
    properties: object(
      'SnapshotProperties',
      {
        incremental: flag,
        osType: oneOf('Linux', 'Windows'),
        hyperVGeneration: oneOf('V1', 'V2'),
        supportedCapabilities: capabilities,
        creationData: object(
          'CreationData',
          { createOption: oneOf('Copy', 'CopyStart'), sourceResourceId: text },
          ['createOption', 'sourceResourceId'],
        ),
      },
      ['creationData'],
    ),
  },
  ['location', 'properties'],
)

interface SnapshotBody {
  tags?: Tags
  properties: { incremental?: boolean; creationData: { createOption: string; sourceResourceId: string } }
}

/** The bytes are those at the moment of the call, whatever a running guest writes afterwards. */
export const putSnapshot: ArmHandler = async (context, request) => {
  const id = idOf(context, request, snapshotType)
  snapshotBody(request.body, '')
  const location = locationOf(request.body)
  const body = request.body as SnapshotBody
  const existing = context.estate.get('snapshot', id)
  if (existing) {
    const was = existing.given as SnapshotBody['properties']
    const { sourceResourceId } = body.properties.creationData
    if (sourceResourceId.toLowerCase() !== was.creationData.sourceResourceId.toLowerCase())
      throw fixed('creationData.sourceResourceId')
    if ((body.properties.incremental ?? false) !== (was.incremental ?? false)) throw fixed('incremental')
    if (location !== existing.location) throw fixed('location')
    existing.tags = body.tags ?? {}
    return accepted(context, request, {
      provider,
      region: location,
      status: 202,
      body: showSnapshot(existing),
      afterMs: 0,
    })
  }

  const source = context.estate.get('disk', body.properties.creationData.sourceResourceId)
  if (!source)
    throw new Refusal(
      404,
      'NotFound',
      `Resource '${body.properties.creationData.sourceResourceId}' not found.`,
    )
  if (source.location !== location)
    throw new Refusal(
      400,
      'InvalidParameter',
      `A snapshot must be in the region of its disk, ${source.location}.`,
      'location',
    )
  if (source.upload !== 'none')
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Disk ${source.name} is being uploaded and cannot be copied.`,
    )
  const storeId = `snapshot-${randomUUID()}`
  await context.store.clone(storeId, source.storeId)
  const snapshot: Snapshot = {
    kind: 'snapshot',
    id,
    name: request.path['name'] ?? '',
    group: groupOf(context, request),
    location,
    tags: body.tags ?? {},
    createdAt: new Date(),
    storeId,
    sizeBytes: source.sizeBytes,
    footer: exportFooter(source.sizeBytes),
    uniqueId: randomUUID(),
    sourceUniqueId: source.uniqueId,
    ...(source.encryptionSet === undefined ? {} : { encryptionSet: source.encryptionSet }),
    etag: `"0x${randomUUID().slice(0, 8).toUpperCase()}"`,
    architecture: source.architecture,
    generation: source.generation,
    given: body.properties,
    life: context.estate.begin(context.delays.snapshot, context.delays.disk, () => {
      context.estate.drop(id)
      context.later(context.store.remove(storeId))
    }),
  }
  context.estate.add(snapshot)
  return accepted(context, request, {
    provider,
    region: location,
    status: 202,
    body: showSnapshot(snapshot),
    afterMs: context.delays.snapshot,
  })
}

export const getSnapshot: ArmHandler = (context, request) =>
  json(200, showSnapshot(findSnapshot(context, request)))

export const listSnapshots: ArmHandler = (context, request) =>
  listOf(context, request, snapshotType, (group) => context.estate.list('snapshot', group).map(showSnapshot))

export const deleteSnapshot: ArmHandler = (context, request) => {
  const snapshot = context.estate.get('snapshot', idOf(context, request, snapshotType))
  if (!snapshot) return { status: 204 }
  refuseWhileGranted(context, snapshot)
  if (snapshot.life.state() !== 'deleting') snapshot.life.enter('deleting')
  return accepted(context, request, {
    provider,
    region: snapshot.location,
    status: 202,
    afterMs: context.delays.disk,
  })
}

export function findSnapshot(context: Context, request: ArmRequest): Snapshot {
  const snapshot = context.estate.get('snapshot', idOf(context, request, snapshotType))
  if (snapshot) return snapshot
  throw notFound(request, snapshotType)
}

function showSnapshot(snapshot: Snapshot): Record<string, unknown> {
  const granted = snapshot.grant !== undefined && snapshot.grant.expiresAtMs > Date.now()
  return {
    id: snapshot.id,
    name: snapshot.name,
    type: snapshotType,
    location: snapshot.location,
    tags: snapshot.tags,
    sku: { name: 'Standard_LRS', tier: 'Standard' },
    properties: {
      ...snapshot.given,
      creationData: {
        ...(snapshot.given['creationData'] as object),
        sourceUniqueId: snapshot.sourceUniqueId,
      },
      hyperVGeneration: snapshot.generation,
      supportedCapabilities: { architecture: snapshot.architecture },
      diskSizeBytes: snapshot.sizeBytes,
      diskSizeGB: Math.ceil(snapshot.sizeBytes / 1024 ** 3),
      diskState: granted ? 'ActiveSAS' : 'Unattached',
      provisioningState: provisioningState(snapshot.life.state()),
      timeCreated: snapshot.createdAt.toISOString(),
      uniqueId: snapshot.uniqueId,
      snapshotAccessState: 'Available',
      encryption:
        snapshot.encryptionSet === undefined
          ? { type: 'EncryptionAtRestWithPlatformKey' }
          : { type: 'EncryptionAtRestWithCustomerKey', diskEncryptionSetId: snapshot.encryptionSet },
    },
  }
}
