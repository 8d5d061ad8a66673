import { expect, test } from 'vitest'
import type { CloudRef, SecurityRule } from '#shared/clouds/port.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const job = newJob()
const subject = useSubject(openSubject, { job })

const web: SecurityRule = {
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: 443,
  toPort: 443,
  cidrs: ['0.0.0.0/0'],
}
const out = (cidr: string, description?: string): SecurityRule => ({
  direction: 'egress',
  protocol: 'any',
  cidrs: [cidr],
  ...(description === undefined ? {} : { description }),
})

const make = (name: string, rules: SecurityRule[]): Promise<CloudRef> =>
  subject.cloud.networks.securityGroups.create({
    ...intentOf(job),
    region: subject.region,
    name,
    description: '',
    rules,
  })
const rulesOf = async (ref: CloudRef) => (await subject.cloud.networks.securityGroups.get(ref))?.rules
const vendorsOf = async ({ id }: CloudRef) =>
  (await subject.ec2.describeSecurityGroups({ GroupIds: [id] })).SecurityGroups?.[0]
const operationsOf = async (work: () => Promise<unknown>): Promise<string[]> => {
  const before = subject.loopback.calls().length
  await work()
  return subject.loopback
    .calls()
    .slice(before)
    .filter(({ mutating }) => mutating)
    .map(({ operation }) => operation)
}

test('without egress rules everything may be called, and with one nothing else', async () => {
  const { setRules } = subject.cloud.networks.securityGroups
  const group = await make('outward', [web])
  expect(await rulesOf(group)).toEqual([web])
  expect((await vendorsOf(group))?.IpPermissionsEgress).toMatchObject([
    { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
  ])
  await setRules(group, [web, out('10.0.0.0/8')])
  expect(await rulesOf(group)).toEqual([web, out('10.0.0.0/8')])
  await setRules(group, [web])
  expect(await rulesOf(group)).toEqual([web])
  expect((await vendorsOf(group))?.IpPermissionsEgress).toHaveLength(1)
})

test('a group that may call nothing is told apart from one that may call everything', async () => {
  const group = await make('mute', [{ direction: 'egress', protocol: 'any', cidrs: [] }])
  expect((await vendorsOf(group))?.IpPermissionsEgress ?? []).toEqual([])
  expect(await rulesOf(group)).toEqual([{ direction: 'egress', protocol: 'any', cidrs: [] }])
})

test('a new description changes the rule in place, and takes no permit away', async () => {
  const { setRules } = subject.cloud.networks.securityGroups
  const group = await make('named', [web, out('10.0.0.0/8', 'inside')])
  const renamed = [{ ...web, description: 'the shop' }, out('10.0.0.0/8', 'all of it')]
  expect(await operationsOf(() => setRules(group, renamed))).toEqual([
    'UpdateSecurityGroupRuleDescriptionsIngress',
    'UpdateSecurityGroupRuleDescriptionsEgress',
  ])
  expect(await rulesOf(group)).toEqual(renamed)
})

test('permits are added before others are taken away', async () => {
  const { setRules } = subject.cloud.networks.securityGroups
  const group = await make('ordered', [web, out('10.0.0.0/8')])
  const moved = [{ ...web, fromPort: 8443, toPort: 8443 }, out('192.168.0.0/16')]
  expect(await operationsOf(() => setRules(group, moved))).toEqual([
    'AuthorizeSecurityGroupIngress',
    'AuthorizeSecurityGroupEgress',
    'RevokeSecurityGroupIngress',
    'RevokeSecurityGroupEgress',
  ])
})

test('the same range written otherwise is the same rule', async () => {
  const { setRules } = subject.cloud.networks.securityGroups
  const cidrs = ['10.1.2.3/8', '2001:0db8::0001/32', '2001:db8:0:0::/64']
  const group = await make('spelled', [{ ...web, cidrs }])
  expect((await rulesOf(group))?.[0]?.cidrs).toEqual(['10.0.0.0/8', '2001:db8::/32', '2001:db8::/64'])
  expect(await operationsOf(() => setRules(group, [{ ...web, cidrs }]))).toEqual([])
})

test('what is no range of addresses is refused by name, before a group is made', async () => {
  const before = subject.loopback.residue().length
  for (const cidr of ['10.0.0.0', '10.0.0.0/33', '300.1.1.1/8', 'everywhere', '::/129']) {
    await expect(make('broken', [{ ...web, cidrs: [cidr] }])).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(cidr) as string,
    })
  }
  expect(subject.loopback.residue()).toHaveLength(before)
})

test('permits for members of other groups are taken away when the rules are set', async () => {
  const { setRules } = subject.cloud.networks.securityGroups
  const [group, other] = [await make('called', [web]), await make('calling', [])]
  await subject.ec2.authorizeSecurityGroupIngress({
    GroupId: group.id,
    IpPermissions: [
      { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, UserIdGroupPairs: [{ GroupId: other.id }] },
    ],
  })
  expect(await rulesOf(group)).toEqual([web])
  await expect(subject.cloud.networks.securityGroups.delete(other)).rejects.toMatchObject({
    code: 'conflict',
  })
  await setRules(group, [web])
  expect((await vendorsOf(group))?.IpPermissions).toHaveLength(1)
  await subject.cloud.networks.securityGroups.delete(other)
})

test('a permit that appeared since the group was looked at makes it look again', async () => {
  const { setRules } = subject.cloud.networks.securityGroups
  const group = await make('raced', [])
  subject.loopback.inject({ operation: 'AuthorizeSecurityGroupIngress', mode: 'drop_reply', times: 1 })
  await setRules(group, [web])
  expect(await rulesOf(group)).toEqual([web])
})

test('a group that one of the service’s machines does not know yet is tried again', async () => {
  subject.loopback.inject({
    operation: 'AuthorizeSecurityGroupIngress',
    mode: 'error',
    code: 'InvalidGroup.NotFound',
    status: 400,
  })
  expect(await rulesOf(await make('young', [web]))).toEqual([web])
})
