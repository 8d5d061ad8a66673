import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manualClock } from '#test/clouds/core/clock.ts'
import {
  clientsFor,
  instant,
  openRaw,
  refusalOf,
  rootVolume,
  runOne,
  stateOf,
  type RawAws,
} from '#test/clouds/aws/raw.ts'

let raw: RawAws
beforeAll(async () => {
  raw = await openRaw({ vcpuQuota: 40 })
})
afterAll(() => raw.close())

const image = async (): Promise<string> => {
  const { Images = [] } = await raw.ec2.describeImages({ Owners: ['099720109477'] })
  return Images[0]?.ImageId ?? ''
}

describe('who may call', () => {
  test('a wrong secret is refused by EC2 and by EBS', async () => {
    const { ec2, ebs } = clientsFor(raw.aws, 'us-east-1', 'not-the-secret-of-this-account-000000000')
    expect(await refusalOf(ec2.describeRegions())).toBe('SignatureDoesNotMatch')
    expect(await refusalOf(ebs.listSnapshotBlocks({ SnapshotId: 'snap-00000000' }))).toBe(
      'InvalidSignatureException',
    )
  })

  test('a body changed after signing is refused', async () => {
    const { ec2 } = clientsFor(raw.aws, 'us-east-1')
    ec2.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { body: string }
        request.body = request.body.replace('DescribeRegions', 'DescribeRegionX')
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low', name: 'tamper' },
    )
    expect(await refusalOf(ec2.describeRegions())).toBe('SignatureDoesNotMatch')
  })

  test('a region that does not exist is refused', async () => {
    const { ec2 } = clientsFor(raw.aws, 'eu-nowhere-9')
    expect(await refusalOf(ec2.describeRegions())).toBe('OptInRequired')
  })

  test('a plain request without a signature is refused', async () => {
    const reply = await fetch(raw.aws.url, {
      method: 'POST',
      body: 'Action=DescribeRegions&Version=2016-11-15',
    })
    expect(await reply.text()).toContain('MissingAuthenticationToken')
  })
})

describe('strictness', () => {
  test.for<[string, () => Promise<unknown>]>([
    ['InvalidAction', () => raw.ec2.describeSpotFleetRequests()],
    [
      'UnknownParameter',
      () => raw.ec2.createSnapshot({ VolumeId: 'vol-00000000', OutpostArn: 'arn:aws:outposts' }),
    ],
    [
      'InvalidParameterValue',
      () => raw.ec2.describeInstances({ Filters: [{ Name: 'colour', Values: ['red'] }] }),
    ],
    ['InvalidParameterValue', () => raw.ec2.describeInstances({ MaxResults: 3 })],
    [
      'InvalidParameterCombination',
      () => raw.ec2.describeInstances({ MaxResults: 10, InstanceIds: ['i-00000000'] }),
    ],
    ['InvalidPaginationToken', () => raw.ec2.describeInstances({ MaxResults: 10, NextToken: 'made-up' })],
    ['InvalidInstanceID.Malformed', () => raw.ec2.describeInstances({ InstanceIds: ['vm-1'] })],
    ['InvalidInstanceID.NotFound', () => raw.ec2.describeInstances({ InstanceIds: ['i-0123456789abcdef0'] })],
    ['InvalidVolume.NotFound', () => raw.ec2.createSnapshot({ VolumeId: 'vol-0123456789abcdef0' })],
    ['InvalidSnapshot.NotFound', () => raw.ec2.deleteSnapshot({ SnapshotId: 'snap-0123456789abcdef0' })],
    ['InvalidAMIID.NotFound', () => raw.ec2.deregisterImage({ ImageId: 'ami-0123456789abcdef0' })],
    ['MissingParameter', () => raw.ec2.startInstances({ InstanceIds: [] })],
    ['DryRunOperation', () => raw.ec2.describeRegions({ DryRun: true })],
  ])('%s', async ([code, call]) => {
    expect(await refusalOf(call())).toBe(code)
  })

  test('a page token continues only the listing that it came from', async () => {
    const filtered = { Filters: [{ Name: 'supported-boot-mode', Values: ['uefi'] }], MaxResults: 5 }
    const { NextToken, InstanceTypes } = await raw.ec2.describeInstanceTypes(filtered)
    expect(InstanceTypes).toHaveLength(5)
    const next = await raw.ec2.describeInstanceTypes({ ...filtered, NextToken })
    expect(next.InstanceTypes?.[0]?.InstanceType).not.toBe(InstanceTypes?.[0]?.InstanceType)
    expect(await refusalOf(raw.ec2.describeInstanceTypes({ MaxResults: 5, NextToken }))).toBe(
      'InvalidPaginationToken',
    )
  })

  test('wildcards in filters match, and a backslash takes them as they are', async () => {
    const id = await runOne(raw, {
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'name', Value: 'a*b?' }] }],
    })
    const matches = async (value: string) => {
      const { Reservations = [] } = await raw.ec2.describeInstances({
        Filters: [{ Name: 'tag:name', Values: [value] }],
      })
      return Reservations.flatMap(({ Instances = [] }) => Instances.map((each) => each.InstanceId)).includes(
        id,
      )
    }
    expect(await Promise.all(['a*', String.raw`a\*b\?`, 'a?b?', 'A*', 'b'].map(matches))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
    await raw.ec2.terminateInstances({ InstanceIds: [id] })
  })
})

describe('running instances', () => {
  test('the same client token and parameters give the same instance, other parameters are refused', async () => {
    const ClientToken = 'token-of-this-test'
    const id = await runOne(raw, { ClientToken })
    expect(await runOne(raw, { ClientToken })).toBe(id)
    expect(await refusalOf(runOne(raw, { ClientToken, InstanceType: 't3.small' }))).toBe(
      'IdempotentParameterMismatch',
    )
    await raw.ec2.terminateInstances({ InstanceIds: [id] })
    expect(await runOne(raw, { ClientToken })).toBe(id)
  })

  test.for<[string, Parameters<typeof runOne>[1]]>([
    ['InvalidParameterValue', { InstanceType: 't9.mega' as 't3.micro' }],
    ['InvalidParameterValue', { InstanceType: 't4g.micro' }],
    ['InvalidParameterValue', { Placement: { AvailabilityZone: 'eu-west-1a' } }],
    ['InvalidKeyPair.NotFound', { KeyName: 'nobody' }],
    ['InvalidGroup.NotFound', { SecurityGroupIds: ['sg-0123456789abcdef0'] }],
    ['InvalidGroupId.Malformed', { SecurityGroupIds: ['web'] }],
    ['InvalidGroup.NotFound', { SecurityGroups: ['web'] }],
    ['InvalidSubnetID.NotFound', { SubnetId: 'subnet-0123456789abcdef0' }],
    ['InvalidUserData.Malformed', { UserData: '#!/bin/sh' }],
    ['InvalidBlockDeviceMapping', { BlockDeviceMappings: [{ DeviceName: '/dev/sdf' }] }],
    ['VcpuLimitExceeded', { InstanceType: 'm6i.8xlarge', MinCount: 2, MaxCount: 2 }],
    [
      'InvalidParameterValue',
      { TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'aws:x', Value: '' }] }] },
    ],
    [
      'InvalidParameterValue',
      { TagSpecifications: [{ ResourceType: 'snapshot', Tags: [{ Key: 'x', Value: '' }] }] },
    ],
  ])('%s for %o', async ([code, more]) => {
    expect(await refusalOf(runOne(raw, more))).toBe(code)
    expect(raw.aws.residue()).toEqual([])
  })

  test('states take their time and guard what may be done', async () => {
    const clock = manualClock(Date.now())
    const delaysMs = { ...instant, pending: 60, stopping: 60, terminating: 60 }
    const slow = await openRaw({ clock, delaysMs })
    const id = await runOne(slow)
    const InstanceIds = [id]
    expect(await stateOf(slow, id)).toBe('pending')
    expect(await refusalOf(slow.ec2.stopInstances({ InstanceIds }))).toBe('IncorrectInstanceState')
    clock.advance(60)
    expect(await stateOf(slow, id)).toBe('running')
    await slow.ec2.stopInstances({ InstanceIds })
    expect(await stateOf(slow, id)).toBe('stopping')
    expect(await refusalOf(slow.ec2.startInstances({ InstanceIds }))).toBe('IncorrectInstanceState')
    clock.advance(60)
    expect(await stateOf(slow, id)).toBe('stopped')
    expect(await refusalOf(slow.ec2.rebootInstances({ InstanceIds }))).toBe('IncorrectInstanceState')
    await slow.ec2.modifyInstanceAttribute({ InstanceId: id, InstanceType: { Value: 't3.large' } })
    await slow.ec2.startInstances({ InstanceIds })
    clock.advance(60)
    expect(
      await refusalOf(
        slow.ec2.modifyInstanceAttribute({ InstanceId: id, InstanceType: { Value: 't3.nano' } }),
      ),
    ).toBe('IncorrectInstanceState')
    await slow.ec2.terminateInstances({ InstanceIds })
    expect(await stateOf(slow, id)).toBe('shutting-down')
    expect(slow.aws.residue().map(({ kind }) => kind)).toEqual(['instance', 'volume'])
    clock.advance(60)
    expect(await stateOf(slow, id)).toBe('terminated')
    expect(await refusalOf(slow.ec2.startInstances({ InstanceIds }))).toBe('IncorrectInstanceState')
    expect(slow.aws.residue()).toEqual([])
    await slow.close()
  })

  test('what was just created is unknown for a moment', async () => {
    const clock = manualClock(Date.now())
    const late = await openRaw({ clock, delaysMs: { ...instant, visible: 80 } })
    const id = await runOne(late)
    expect(await refusalOf(late.ec2.describeInstances({ InstanceIds: [id] }))).toBe(
      'InvalidInstanceID.NotFound',
    )
    expect((await late.ec2.describeInstances()).Reservations).toEqual([])
    clock.advance(80)
    expect(await stateOf(late, id)).toBe('running')
    await late.close()
  })

  test('a protected instance is not terminated', async () => {
    const id = await runOne(raw, { DisableApiTermination: true })
    expect(await refusalOf(raw.ec2.terminateInstances({ InstanceIds: [id] }))).toBe('OperationNotPermitted')
    await raw.ec2.modifyInstanceAttribute({ InstanceId: id, DisableApiTermination: { Value: false } })
    await raw.ec2.terminateInstances({ InstanceIds: [id] })
    expect(await stateOf(raw, id)).toBe('terminated')
  })
})

describe('what is in use', () => {
  test('an attached volume is neither deleted nor attached twice, and outlives its instance', async () => {
    const id = await runOne(raw)
    const root = await rootVolume(raw, id)
    expect(await refusalOf(raw.ec2.deleteVolume({ VolumeId: root }))).toBe('VolumeInUse')
    const { VolumeId } = await raw.ec2.createVolume({ AvailabilityZone: 'us-east-1a', Size: 2 })
    const attach = { VolumeId, InstanceId: id, Device: '/dev/sdf' }
    await raw.ec2.attachVolume(attach)
    expect(await refusalOf(raw.ec2.attachVolume(attach))).toBe('VolumeInUse')
    const { VolumeId: elsewhere } = await raw.ec2.createVolume({ AvailabilityZone: 'us-east-1b', Size: 1 })
    expect(await refusalOf(raw.ec2.attachVolume({ ...attach, VolumeId: elsewhere }))).toBe(
      'InvalidVolume.ZoneMismatch',
    )
    await raw.ec2.terminateInstances({ InstanceIds: [id] })
    expect(raw.aws.residue().map((left) => [left.id, left.state])).toEqual([
      [VolumeId, 'available'],
      [elsewhere, 'available'],
    ])
    await raw.ec2.deleteVolume({ VolumeId })
    await raw.ec2.deleteVolume({ VolumeId: elsewhere })
  })

  test('a snapshot is not deleted while an image needs it, and an image name is not taken twice', async () => {
    const id = await runOne(raw)
    const { SnapshotId } = await raw.ec2.createSnapshot({ VolumeId: await rootVolume(raw, id) })
    await raw.ec2.describeSnapshots({ SnapshotIds: [SnapshotId ?? ''] })
    const request = {
      Name: 'golden',
      Architecture: 'x86_64' as const,
      RootDeviceName: '/dev/sda1',
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { SnapshotId } }],
    }
    const { ImageId } = await raw.ec2.registerImage(request)
    expect(await refusalOf(raw.ec2.registerImage(request))).toBe('InvalidAMIName.Duplicate')
    expect(await refusalOf(raw.ec2.deleteSnapshot({ SnapshotId }))).toBe('InvalidSnapshot.InUse')
    expect(await refusalOf(runOne(raw, { ImageId }))).toBe('InvalidParameterCombination')
    expect(await refusalOf(raw.ec2.deregisterImage({ ImageId: await image() }))).toBe('AuthFailure')
    await raw.ec2.deregisterImage({ ImageId })
    await raw.ec2.deleteSnapshot({ SnapshotId })
    await raw.ec2.terminateInstances({ InstanceIds: [id] })
    expect(raw.aws.residue()).toEqual([])
  })
})
