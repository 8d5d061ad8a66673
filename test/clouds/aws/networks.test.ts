import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manualClock } from '#test/clouds/core/clock.ts'
import { instant, openRaw, refusalOf, runOne, stateOf, until, type RawAws } from '#test/clouds/aws/raw.ts'

let raw: RawAws
beforeAll(async () => {
  raw = await openRaw({ vpcQuota: 6, addressQuota: 2 })
})
afterAll(() => raw.close())

const vpc = async (CidrBlock = '10.0.0.0/16') => (await raw.ec2.createVpc({ CidrBlock })).Vpc?.VpcId ?? ''
const subnet = async (VpcId: string, CidrBlock: string) =>
  (await raw.ec2.createSubnet({ VpcId, CidrBlock })).Subnet?.SubnetId ?? ''

describe('networks', () => {
  test.for([
    ['10.0.0.0/15', 'InvalidVpc.Range'],
    ['10.0.0.0/29', 'InvalidVpc.Range'],
    ['10.0.0.0', 'InvalidParameterValue'],
  ] as const)('a VPC of %s is refused with %s', async ([CidrBlock, code]) => {
    expect(await refusalOf(raw.ec2.createVpc({ CidrBlock }))).toBe(code)
  })

  test('a subnet outside the VPC, across another or in a foreign zone is refused', async () => {
    const VpcId = await vpc()
    await subnet(VpcId, '10.0.1.0/24')
    const codes = [
      { VpcId, CidrBlock: '10.1.0.0/24' },
      { VpcId, CidrBlock: '10.0.0.0/23' },
      { VpcId, CidrBlock: '10.0.9.0/24', AvailabilityZone: 'eu-west-1a' },
      { VpcId: 'vpc-0123456789abcdef0', CidrBlock: '10.0.9.0/24' },
    ].map((input) => refusalOf(raw.ec2.createSubnet(input)))
    expect(await Promise.all(codes)).toEqual([
      'InvalidSubnet.Range',
      'InvalidSubnet.Conflict',
      'InvalidParameterValue',
      'InvalidVpcID.NotFound',
    ])
  })

  test('what holds something is not deleted, and its default group and main table go with a VPC', async () => {
    const VpcId = await vpc()
    const SubnetId = await subnet(VpcId, '10.0.1.0/24')
    const InstanceIds = [await runOne(raw, { SubnetId })]
    expect(await refusalOf(raw.ec2.deleteSubnet({ SubnetId }))).toBe('DependencyViolation')
    expect(await refusalOf(raw.ec2.deleteVpc({ VpcId }))).toBe('DependencyViolation')
    await raw.ec2.terminateInstances({ InstanceIds })
    await until(async () => (await stateOf(raw, InstanceIds[0] ?? '')) === 'terminated')
    await raw.ec2.deleteSubnet({ SubnetId })
    await raw.ec2.deleteVpc({ VpcId })
    const Filters = [{ Name: 'vpc-id', Values: [VpcId] }]
    expect((await raw.ec2.describeSecurityGroups({ Filters })).SecurityGroups).toEqual([])
    expect((await raw.ec2.describeRouteTables({ Filters })).RouteTables).toEqual([])
  })

  test('a gateway is attached once, holds its VPC, and is routed to only in its own', async () => {
    const [VpcId, other] = [await vpc(), await vpc('10.9.0.0/16')]
    const { InternetGateway } = await raw.ec2.createInternetGateway({})
    const InternetGatewayId = InternetGateway?.InternetGatewayId
    await raw.ec2.attachInternetGateway({ InternetGatewayId, VpcId })
    expect(await refusalOf(raw.ec2.attachInternetGateway({ InternetGatewayId, VpcId }))).toBe(
      'Resource.AlreadyAssociated',
    )
    expect(await refusalOf(raw.ec2.deleteInternetGateway({ InternetGatewayId }))).toBe('DependencyViolation')
    expect(await refusalOf(raw.ec2.deleteVpc({ VpcId }))).toBe('DependencyViolation')
    const { RouteTables = [] } = await raw.ec2.describeRouteTables({
      Filters: [{ Name: 'vpc-id', Values: [other] }],
    })
    const route = { RouteTableId: RouteTables[0]?.RouteTableId, DestinationCidrBlock: '0.0.0.0/0' }
    expect(await refusalOf(raw.ec2.createRoute({ ...route, GatewayId: InternetGatewayId }))).toBe(
      'InvalidParameterValue',
    )
    await raw.ec2.detachInternetGateway({ InternetGatewayId, VpcId })
    expect(await refusalOf(raw.ec2.detachInternetGateway({ InternetGatewayId, VpcId }))).toBe(
      'Gateway.NotAttached',
    )
    await raw.ec2.deleteInternetGateway({ InternetGatewayId })
    await raw.ec2.deleteVpc({ VpcId })
    await raw.ec2.deleteVpc({ VpcId: other })
  })

  test('one VPC more than the region allows is refused', async () => {
    const made: string[] = []
    const fill = async () => {
      for (let nr = 0; nr < 9; nr++) made.push(await vpc(`10.${nr}.0.0/16`))
    }
    expect(await refusalOf(fill())).toBe('VpcLimitExceeded')
    for (const VpcId of made) await raw.ec2.deleteVpc({ VpcId })
  })

  test('a new VPC is pending, and unknown for a moment', async () => {
    const clock = manualClock(Date.now())
    const slow = await openRaw({ clock, delaysMs: { ...instant, visible: 60, network: 100 } })
    const { Vpc } = await slow.ec2.createVpc({ CidrBlock: '10.0.0.0/16' })
    expect(Vpc?.State).toBe('pending')
    const VpcIds = [Vpc?.VpcId ?? '']
    expect(await refusalOf(slow.ec2.describeVpcs({ VpcIds }))).toBe('InvalidVpcID.NotFound')
    const state = async () => (await slow.ec2.describeVpcs({ VpcIds })).Vpcs?.[0]?.State
    clock.advance(60)
    expect(await state()).toBe('pending')
    clock.advance(40)
    expect(await state()).toBe('available')
    await slow.close()
  })
})

describe('security groups', () => {
  const group = async (GroupName: string) =>
    (await raw.ec2.createSecurityGroup({ GroupName, Description: 'tests' })).GroupId
  const ssh = {
    IpProtocol: 'tcp',
    FromPort: 22,
    ToPort: 22,
    IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'office' }],
  }

  test('a permit is added once, whatever its description, and all of a call or none', async () => {
    const GroupId = await group('once')
    const web = { ...ssh, FromPort: 443, ToPort: 443 }
    await raw.ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [ssh] })
    const again = { GroupId, IpPermissions: [web, { ...ssh, IpRanges: [{ CidrIp: '10.9.9.9/8' }] }] }
    expect(await refusalOf(raw.ec2.authorizeSecurityGroupIngress(again))).toBe('InvalidPermission.Duplicate')
    expect(await refusalOf(raw.ec2.revokeSecurityGroupIngress({ GroupId, IpPermissions: [ssh, web] }))).toBe(
      'InvalidPermission.NotFound',
    )
    const { SecurityGroups = [] } = await raw.ec2.describeSecurityGroups({ GroupIds: [GroupId ?? ''] })
    expect(SecurityGroups[0]?.IpPermissions?.map(({ FromPort }) => FromPort)).toEqual([22])
  })

  test.for([
    [{ ...ssh, IpRanges: [{ CidrIp: '10.0.0.0/40' }] }, 'InvalidParameterValue'],
    [{ ...ssh, ToPort: 21 }, 'InvalidParameterValue'],
    [{ IpProtocol: 'tcp', IpRanges: ssh.IpRanges }, 'InvalidParameterValue'],
    [{ ...ssh, IpProtocol: 'carrier pigeon' }, 'InvalidParameterValue'],
    [{ ...ssh, IpRanges: [] }, 'MissingParameter'],
    [{ ...ssh, IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'Büro' }] }, 'InvalidParameterValue'],
  ] as const)('a permit such as %j is refused with %s', async ([permission, code]) => {
    const { SecurityGroups = [] } = await raw.ec2.describeSecurityGroups({ GroupNames: ['default'] })
    const [GroupId] = SecurityGroups.map((each) => each.GroupId)
    const IpPermissions = [permission] as unknown as [typeof ssh]
    expect(await refusalOf(raw.ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions }))).toBe(code)
  })

  test('a name is unique in its VPC, and the default group stays', async () => {
    await group('taken')
    expect(await refusalOf(group('taken'))).toBe('InvalidGroup.Duplicate')
    const { SecurityGroups = [] } = await raw.ec2.describeSecurityGroups({ GroupNames: ['default'] })
    expect(await refusalOf(raw.ec2.deleteSecurityGroup({ GroupId: SecurityGroups[0]?.GroupId }))).toBe(
      'CannotDelete',
    )
  })

  test('a group of another network than the subnet is refused', async () => {
    const VpcId = await vpc('10.200.0.0/16')
    const SubnetId = await subnet(VpcId, '10.200.1.0/24')
    const GroupId = (await group('elsewhere')) ?? ''
    expect(await refusalOf(runOne(raw, { SubnetId, SecurityGroupIds: [GroupId] }))).toBe('InvalidParameter')
    expect(await refusalOf(runOne(raw, { SubnetId, SecurityGroups: ['elsewhere'] }))).toBe(
      'InvalidParameterCombination',
    )
  })
})

describe('addresses', () => {
  test('an address in use is not released, and lets go when its instance is terminated', async () => {
    const id = await runOne(raw)
    const { AllocationId } = await raw.ec2.allocateAddress({})
    await raw.ec2.associateAddress({ AllocationId, InstanceId: id })
    expect(await refusalOf(raw.ec2.releaseAddress({ AllocationId }))).toBe('InvalidIPAddress.InUse')
    await raw.ec2.terminateInstances({ InstanceIds: [id] })
    await until(async () => (await stateOf(raw, id)) === 'terminated')
    await raw.ec2.releaseAddress({ AllocationId })
    expect(await refusalOf(raw.ec2.releaseAddress({ AllocationId }))).toBe('InvalidAllocationID.NotFound')
  })

  test('more than the region allows are refused', async () => {
    const made: (string | undefined)[] = []
    const fill = async () => {
      for (let nr = 0; nr < 9; nr++) made.push((await raw.ec2.allocateAddress({})).AllocationId)
    }
    expect(await refusalOf(fill())).toBe('AddressLimitExceeded')
    for (const AllocationId of made) await raw.ec2.releaseAddress({ AllocationId })
  })
})
