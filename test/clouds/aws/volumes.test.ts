import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CreateVolumeRequest, RunInstancesRequest } from '@aws-sdk/client-ec2'
import { manualClock } from '#test/clouds/core/clock.ts'
import {
  instant,
  openRaw,
  refusalOf,
  rootVolume,
  runOne,
  stateOf,
  until,
  type RawAws,
} from '#test/clouds/aws/raw.ts'

let raw: RawAws
beforeAll(async () => {
  raw = await openRaw()
})
afterAll(() => raw.close())

const AvailabilityZone = 'us-east-1a'
const create = async (more: Partial<CreateVolumeRequest> = {}) =>
  (await raw.ec2.createVolume({ AvailabilityZone, Size: 10, ...more })).VolumeId ?? ''

describe('volumes', () => {
  test.for<[Partial<CreateVolumeRequest>, string]>([
    [{ VolumeType: 'st1', Size: 100 }, 'InvalidParameterValue'],
    [{ VolumeType: 'standard', Size: 1025 }, 'InvalidParameterValue'],
    [{ VolumeType: 'io2' }, 'MissingParameter'],
    [{ VolumeType: 'io2', Iops: 20_000 }, 'InvalidParameterValue'],
    [{ VolumeType: 'st1', Size: 500, Iops: 500 }, 'InvalidParameterCombination'],
    [{ KmsKeyId: 'alias/mine' }, 'InvalidParameterDependency'],
    [{ AvailabilityZone: 'eu-west-1a' }, 'InvalidZone.NotFound'],
  ])('%j is refused with %s', async ([more, code]) => {
    expect(await refusalOf(create(more))).toBe(code)
  })

  test('the same token gives the same volume, other parameters are a mismatch', async () => {
    const ClientToken = 'one-volume'
    const id = await create({ ClientToken })
    expect(await create({ ClientToken })).toBe(id)
    expect(await refusalOf(create({ ClientToken, Size: 11 }))).toBe('IdempotentParameterMismatch')
  })

  test('attaching and detaching take time, and the disk is free only at the end', async () => {
    const clock = manualClock(Date.now())
    const slow = await openRaw({ clock, delaysMs: { ...instant, volume: 80 } })
    const InstanceId = await runOne(slow)
    const { VolumeId, State } = await slow.ec2.createVolume({ AvailabilityZone, Size: 1 })
    expect(State).toBe('creating')
    const at = { VolumeId, InstanceId, Device: '/dev/sdf' }
    expect(await refusalOf(slow.ec2.attachVolume(at))).toBe('IncorrectState')
    const seen = async () => {
      const { Volumes = [] } = await slow.ec2.describeVolumes({ VolumeIds: [VolumeId ?? ''] })
      return [Volumes[0]?.State, Volumes[0]?.Attachments?.[0]?.State]
    }
    clock.advance(80)
    expect(await seen()).toEqual(['available', undefined])
    expect((await slow.ec2.attachVolume(at)).State).toBe('attaching')
    expect(await seen()).toEqual(['in-use', 'attaching'])
    clock.advance(80)
    expect(await seen()).toEqual(['in-use', 'attached'])
    expect((await slow.ec2.detachVolume({ VolumeId })).State).toBe('detaching')
    expect(await refusalOf(slow.ec2.deleteVolume({ VolumeId }))).toBe('VolumeInUse')
    clock.advance(80)
    expect(await seen()).toEqual(['available', undefined])
    await slow.close()
  })

  test('a volume grows while it is used, one change at a time', async () => {
    const clock = manualClock(Date.now())
    const slow = await openRaw({ clock, delaysMs: { ...instant, modification: 60 } })
    const { VolumeId } = await slow.ec2.createVolume({ AvailabilityZone, Size: 4 })
    const grow = (Size: number) => slow.ec2.modifyVolume({ VolumeId, Size })
    expect(await refusalOf(grow(3))).toBe('InvalidParameterValue')
    await grow(8)
    expect(await refusalOf(grow(9))).toBe('IncorrectModificationState')
    const state = async () => {
      const { VolumesModifications = [] } = await slow.ec2.describeVolumesModifications({
        VolumeIds: [VolumeId ?? ''],
      })
      return VolumesModifications[0]?.ModificationState
    }
    clock.advance(60)
    expect(await state()).toBe('optimizing')
    clock.advance(60)
    expect(await state()).toBe('completed')
    const { Volumes = [] } = await slow.ec2.describeVolumes({ VolumeIds: [VolumeId ?? ''] })
    expect(Volumes[0]?.Size).toBe(8)
    await slow.close()
  })

  test('a volume that was never changed has no modification', async () => {
    const VolumeIds = [await create()]
    expect(await refusalOf(raw.ec2.describeVolumesModifications({ VolumeIds }))).toBe(
      'InvalidVolumeModification.NotFound',
    )
  })

  test('encryption is handed on from volume to snapshot to volume', async () => {
    const KmsKeyId = 'arn:aws:kms:us-east-1:123456789012:key/22222222-0000-4000-8000-000000000002'
    const VolumeId = await create({ Encrypted: true, KmsKeyId, Size: 1 })
    const { SnapshotId = '' } = await raw.ec2.createSnapshot({ VolumeId })
    const { Snapshots = [] } = await raw.ec2.describeSnapshots({ SnapshotIds: [SnapshotId] })
    expect(Snapshots[0]).toMatchObject({ Encrypted: true, KmsKeyId })
    const copy = await raw.ec2.createVolume({ AvailabilityZone, SnapshotId })
    expect(copy).toMatchObject({ Encrypted: true, KmsKeyId })
    expect(await refusalOf(create({ SnapshotId, Encrypted: false }))).toBe('InvalidParameter')
  })
})

test('a region that encrypts by default makes nothing new unencrypted, and leaves what there is', async () => {
  const own = await openRaw()
  const { ec2, ebs } = own
  const encryptedOf = async (VolumeIds: string[]) => {
    const { Volumes = [] } = await ec2.describeVolumes({ VolumeIds })
    return Volumes.map(({ Encrypted, KmsKeyId }) => [Encrypted, KmsKeyId?.includes(':key/')])
  }
  const isOn = async () => (await ec2.getEbsEncryptionByDefault({})).EbsEncryptionByDefault
  const before = (await ec2.createVolume({ AvailabilityZone, Size: 1 })).VolumeId ?? ''
  const plain = (await ec2.createSnapshot({ VolumeId: before })).SnapshotId
  expect(await isOn()).toBe(false)
  await ec2.enableEbsEncryptionByDefault({})
  expect(await isOn()).toBe(true)

  const made = [
    await ec2.createVolume({ AvailabilityZone, Size: 1 }),
    await ec2.createVolume({ AvailabilityZone, Size: 1, Encrypted: false }),
    await ec2.createVolume({ AvailabilityZone, SnapshotId: plain }),
  ].map(({ VolumeId = '' }) => VolumeId)
  made.push(await rootVolume(own, await runOne(own)))
  expect(await encryptedOf(made)).toEqual(made.map(() => [true, true]))
  expect(await encryptedOf([before])).toEqual([[false, undefined]])
  const snapshot = await ec2.createSnapshot({ VolumeId: before })
  expect(snapshot.Encrypted).toBe(false)
  const { SnapshotId: started = '' } = await ebs.startSnapshot({ VolumeSize: 1 })
  expect((await ec2.describeSnapshots({ SnapshotIds: [started] })).Snapshots?.[0]?.Encrypted).toBe(true)
  expect(await refusalOf(ebs.startSnapshot({ VolumeSize: 1, ParentSnapshotId: plain }))).toBe(
    'ValidationException',
  )

  await ec2.disableEbsEncryptionByDefault({})
  expect(await isOn()).toBe(false)
  const after = (await ec2.createVolume({ AvailabilityZone, Size: 1 })).VolumeId ?? ''
  expect(await encryptedOf([after])).toEqual([[false, undefined]])
  await own.close()
})

describe('launches', () => {
  test.for<[Partial<RunInstancesRequest>, string]>([
    [{ Placement: { GroupName: 'nobody’s' } }, 'InvalidPlacementGroup.Unknown'],
    [
      { InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: '0.001' } } },
      'SpotMaxPriceTooLow',
    ],
    [
      {
        InstanceMarketOptions: {
          MarketType: 'spot',
          SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'stop' },
        },
      },
      'InvalidParameterCombination',
    ],
    [{ HibernationOptions: { Configured: true } }, 'UnsupportedHibernationConfiguration'],
    [
      { BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { KmsKeyId: 'alias/mine' } }] },
      'InvalidParameterDependency',
    ],
  ])('%j is refused with %s', async ([more, code]) => {
    expect(await refusalOf(runOne(raw, more))).toBe(code)
  })

  test('an instance hibernates only if it was launched for it, and says why it is stopped', async () => {
    const plain = await runOne(raw)
    expect(await refusalOf(raw.ec2.stopInstances({ InstanceIds: [plain], Hibernate: true }))).toBe(
      'UnsupportedHibernationConfiguration',
    )
    const able = await runOne(raw, {
      HibernationOptions: { Configured: true },
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { Encrypted: true } }],
    })
    await raw.ec2.stopInstances({ InstanceIds: [able], Hibernate: true })
    await until(async () => (await stateOf(raw, able)) === 'stopped')
    const { Reservations = [] } = await raw.ec2.describeInstances({ InstanceIds: [able] })
    expect(Reservations[0]?.Instances?.[0]?.StateReason?.Code).toBe('Client.UserInitiatedHibernate')
  })
})

test('what is populated runs at once, has names of its own, and leaves the quota to others', async () => {
  const full = await openRaw({ vcpuQuota: 2, delaysMs: { ...instant, pending: 60_000 } })
  await full.aws.populate(30)
  await full.aws.populate(3)
  const names: (string | undefined)[] = []
  let NextToken: string | undefined
  do {
    const page = await full.ec2.describeInstances({
      MaxResults: 10,
      Filters: [{ Name: 'instance-state-name', Values: ['running'] }],
      ...(NextToken === undefined ? {} : { NextToken }),
    })
    for (const { Instances = [] } of page.Reservations ?? [])
      names.push(...Instances.map(({ Tags }) => Tags?.[0]?.Value))
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  expect(new Set(names).size).toBe(33)
  await runOne(full)
  expect(await refusalOf(runOne(full))).toBe('VcpuLimitExceeded')
  await full.close()
})
