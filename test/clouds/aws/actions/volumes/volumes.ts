import { changing, chosen, done, reading, tagsFor, tagsOf, type Scene } from '#test/clouds/aws/action.ts'
import { largeEnough, volumeTypes } from '#test/clouds/aws/actions/images.ts'
import { checkShape } from '#test/clouds/aws/actions/volumes/limits.ts'
import { awsManagedKey } from '#test/clouds/aws/json/kms.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  flag,
  list,
  need,
  nextToken,
  snapshotId,
  tagSpecifications,
  text,
  volumeId,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { settingsOf } from '#test/clouds/aws/actions/region-settings.ts'
import { createLifecycle } from '#test/clouds/core/clock.ts'
import { dropVolume, find, newId, type Region, type Volume } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

const gibibyte = 2 ** 30

export const describeVolumes = reading(
  { VolumeId: list(volumeId), Filter: filters, MaxResults: whole(5, 1000), NextToken: nextToken },
  ({ VolumeId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(VolumeId, MaxResults, 'VolumeIds')
    const found = filtered(chosen(region, region.volumes, VolumeId, 'InvalidVolume.NotFound'), Filter, {
      'volume-id': ({ id }) => [id],
      'volume-type': ({ type }) => [type],
      'availability-zone': ({ zone }) => [zone],
      'snapshot-id': ({ snapshotId: snapshot }) => [snapshot],
      size: ({ sizeGib }) => [String(sizeGib)],
      status: (volume) => [stateOf(volume)],
      'attachment.instance-id': ({ attachedTo }) => [attachedTo],
      'attachment.device': (volume) => [deviceOf(region, volume)?.device],
      'attachment.status': (volume) => [deviceOf(region, volume)?.life.state()],
      encrypted: ({ encrypted }) => [String(encrypted)],
    })
    const query = ['volumes', VolumeId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { volumeSet: page.map((volume) => describeVolume(region, volume)), nextToken: next }
  },
)

export const createVolume = changing(
  {
    AvailabilityZone: need(text()),
    Size: whole(1, 65_536),
    SnapshotId: snapshotId,
    VolumeType: volumeTypes,
    Iops: whole(100, 256_000),
    Encrypted: flag,
    KmsKeyId: text({ max: 2048 }),
    ClientToken: text({ max: 64 }),
    TagSpecification: tagSpecifications,
  },
  async (input, scene) => {
    const { region } = scene
    const asked = JSON.stringify(input)
    const before = input.ClientToken === undefined ? undefined : region.volumeTokens.get(input.ClientToken)
    if (before && before.asked !== asked) {
      throw new Refusal(
        'IdempotentParameterMismatch',
        'The client token has been used before with other parameters',
      )
    }
    const kept = before && region.volumes.get(before.volumeId)
    if (kept) return describeVolume(region, kept)
    if (!region.zones.includes(input.AvailabilityZone)) {
      throw new Refusal('InvalidZone.NotFound', `The zone '${input.AvailabilityZone}' does not exist.`)
    }
    if (input.Size === undefined && input.SnapshotId === undefined) {
      throw new Refusal('MissingParameter', 'The request must contain the parameter size/snapshot')
    }
    const volume = addVolume(scene, {
      zone: input.AvailabilityZone,
      sizeGib: input.Size,
      type: input.VolumeType ?? 'gp2',
      iops: input.Iops,
      snapshotId: input.SnapshotId,
      encryption: { encrypted: input.Encrypted, kmsKeyId: input.KmsKeyId },
      tags: tagsFor('volume', input.TagSpecification),
    })
    if (input.ClientToken !== undefined)
      region.volumeTokens.set(input.ClientToken, { asked, volumeId: volume.id })
    await volume.filled
    return describeVolume(region, volume)
  },
)

export const deleteVolume = changing({ VolumeId: need(volumeId) }, (input, { world, region }) => {
  const volume = find(region, region.volumes, input.VolumeId, 'InvalidVolume.NotFound')
  if (volume.attachedTo !== undefined) {
    throw new Refusal('VolumeInUse', `Volume ${volume.id} is currently attached to ${volume.attachedTo}`)
  }
  dropVolume(world, region, volume)
  return done
})

/** A new volume whose bytes are on their way: those of the snapshot, or zeros. One for an instance is there at once. */
export function addVolume(
  scene: Scene,
  facts: Pick<Volume, 'zone' | 'type' | 'snapshotId' | 'tags'> & {
    sizeGib: number | undefined
    iops?: number | undefined
    encryption?: { encrypted: boolean | undefined; kmsKeyId: string | undefined } | undefined
    atOnce?: boolean
  },
): Volume {
  const { world, region } = scene
  const { zone, type, snapshotId: from, tags, iops, encryption, atOnce = false } = facts
  const snapshot =
    from === undefined ? undefined : find(region, region.snapshots, from, 'InvalidSnapshot.NotFound')
  if (snapshot && snapshot.life.state() !== 'completed') {
    throw new Refusal('IncorrectState', `The snapshot '${snapshot.id}' is not in the 'completed' state`)
  }
  const sizeGib = snapshot ? largeEnough(facts.sizeGib, snapshot.sizeGib, snapshot.id) : (facts.sizeGib ?? 1)
  checkShape({ type, sizeGib, iops })
  const id = newId('vol')
  const fill = async () => {
    if (snapshot) await world.store.clone(id, snapshot.diskId)
    else await world.store.create(id, sizeGib * gibibyte)
    if (snapshot && sizeGib > snapshot.sizeGib) await world.store.resize(id, sizeGib * gibibyte)
  }
  const filled = fill()
  world.background(filled)
  const volume: Volume = {
    id,
    seq: world.nextSeq(),
    zone,
    type,
    tags,
    snapshotId: from,
    sizeGib,
    iops: iops ?? (type === 'gp3' ? 3000 : undefined),
    ...encryptionOf(scene, encryption, snapshot),
    createdAt: new Date(world.clock.now()),
    filled,
    attachedTo: undefined,
    life: createLifecycle<'creating' | 'available'>({
      clock: world.clock,
      transitions: { creating: { to: 'available', afterMs: world.delays.volume } },
    }).start(atOnce ? 'available' : 'creating'),
    modification: undefined,
    modifiedAtMs: [],
  }
  region.volumes.set(id, volume)
  region.visible.add(id)
  return volume
}

/**
 * What is made of an encrypted snapshot is encrypted, by its key unless another is named, and so is everything where the region encrypts by default,
 * whatever was wished for.
 */
export function encryptionOf(
  scene: Scene,
  wish: { encrypted: boolean | undefined; kmsKeyId: string | undefined } | undefined,
  snapshot: { encrypted: boolean; kmsKeyId: string | undefined } | undefined,
): { encrypted: boolean; kmsKeyId: string | undefined } {
  if (wish?.kmsKeyId !== undefined && wish.encrypted !== true) {
    throw new Refusal(
      'InvalidParameterDependency',
      'The parameter KmsKeyId requires the parameter Encrypted to be set.',
    )
  }
  if (wish?.encrypted === false && snapshot?.encrypted) {
    throw new Refusal(
      'InvalidParameter',
      'Encrypted flag cannot be specified as false since the snapshot is encrypted',
    )
  }
  const encrypted =
    wish?.encrypted === true || (snapshot?.encrypted ?? false) || settingsOf(scene).ebsEncryptionByDefault
  if (!encrypted) return { encrypted, kmsKeyId: undefined }
  const named =
    wish?.kmsKeyId ?? snapshot?.kmsKeyId ?? awsManagedKey(scene.region.name, scene.world.accountId)
  if (named.startsWith('arn:')) return { encrypted, kmsKeyId: named }
  const resource = named.startsWith('alias/') ? named : `key/${named}`
  return { encrypted, kmsKeyId: `arn:aws:kms:${scene.region.name}:${scene.world.accountId}:${resource}` }
}

export const stateOf = ({ attachedTo, life }: Volume): string =>
  attachedTo === undefined ? life.state() : 'in-use'

export const deviceOf = (region: Region, { id, attachedTo }: Volume) =>
  region.instances.get(attachedTo ?? '')?.devices.find((device) => device.volumeId === id)

export function describeVolume(region: Region, volume: Volume): { [element: string]: Xml } {
  const device = deviceOf(region, volume)
  return {
    volumeId: volume.id,
    size: volume.sizeGib,
    snapshotId: volume.snapshotId ?? '',
    availabilityZone: volume.zone,
    status: stateOf(volume),
    createTime: volume.createdAt,
    volumeType: volume.type,
    iops: volume.iops,
    encrypted: volume.encrypted,
    kmsKeyId: volume.kmsKeyId,
    multiAttachEnabled: false,
    attachmentSet: device
      ? [
          {
            volumeId: volume.id,
            instanceId: volume.attachedTo,
            device: device.device,
            status: device.life.state(),
            attachTime: device.attachedAt,
            deleteOnTermination: device.deleteOnTermination,
          },
        ]
      : undefined,
    tagSet: tagsOf(volume.tags),
  }
}
