import { expect, test } from 'vitest'
import type { CloudRef, SecurityRule } from '#shared/clouds/port.ts'
import { networking } from '#test/clouds/azure/harness.ts'
import { intentOf, newJob, removeAll, runVm } from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const job = newJob()

const subject = useSubject(openSubject)

const permit = (port: number): SecurityRule => ({
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: port,
  toPort: port,
  cidrs: ['10.0.0.0/8'],
})
const group = (rules: SecurityRule[]) =>
  subject.cloud.networks.securityGroups.create({
    ...intentOf(job),
    region,
    name: 'g',
    description: 'of a test',
    rules,
  })
const path = ({ id }: CloudRef) => `/${id.split('/').slice(3).join('/')}?${networking}`

test('VMs without an address of their own reach the internet, from a subnet of theirs and from the common one', async () => {
  const { cloud } = subject
  await runVm(subject, job)
  const common = await subject.raw.arm(
    'GET',
    `/resourceGroups/novacron/providers/Microsoft.Network/virtualNetworks/novacron-${region}/subnets/default?${networking}`,
  )
  expect(common.json['properties']).toMatchObject({ defaultOutboundAccess: true })
  const network = await cloud.networks.create({ ...intentOf(job), region, name: 'n', cidr: '10.30.0.0/16' })
  const subnet = await cloud.networks.subnets.create({
    ...intentOf(job),
    network,
    name: 's',
    cidr: '10.30.1.0/24',
  })
  expect((await subject.raw.arm('GET', path(subnet))).json['properties']).toMatchObject({
    defaultOutboundAccess: true,
  })
  await removeAll(subject, job)
})

test('a change of rules that met another one is refused, and loses neither', async () => {
  const { cloud, loopback } = subject
  const ref = await group([permit(22)])
  const found = await subject.raw.arm('GET', path(ref))
  // The adapter has read the rules; somebody changes them before its own change arrives.
  loopback.inject({ operation: 'NetworkSecurityGroups_CreateOrUpdate', mode: 'hold' })
  const change = cloud.networks.securityGroups.setRules(ref, [permit(22), permit(80)])
  const meanwhile = (async () => {
    while (
      !loopback
        .calls()
        .some(({ operation, status }) => operation.endsWith('Groups_CreateOrUpdate') && status === undefined)
    )
      await new Promise((resolve) => setTimeout(resolve, 5))
    const { securityRules } = found.json['properties'] as { securityRules: { name: string }[] }
    const other = await subject.raw.arm('PUT', path(ref), {
      location: region,
      tags: { by: 'hand' },
      properties: { securityRules: securityRules.map(strip) },
    })
    loopback.clearFaults()
    expect(other.status).toBe(200)
  })()
  await expect(change).rejects.toMatchObject({ code: 'conflict', retryable: true })
  await meanwhile
  expect((await cloud.networks.securityGroups.get(ref))?.tags).toEqual({ by: 'hand' })
  await cloud.networks.securityGroups.setRules(ref, [permit(80)])
  expect((await cloud.networks.securityGroups.get(ref))?.rules).toEqual([permit(80)])
  await cloud.networks.securityGroups.delete(ref)
})

test('rules that Azure could not keep are refused before anything is made', async () => {
  const before = subject.loopback.calls().length
  await expect(group([{ ...permit(22), cidrs: [] }])).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'rules[0].cidrs' },
  })
  await expect(group([{ ...permit(22), description: 'x'.repeat(141) }])).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'rules[0].description' },
  })
  expect(subject.loopback.calls().length).toBe(before)
})

test('an address takes the place of the one before, moves only once free, and stays when its VM goes', async () => {
  const { cloud } = subject
  const { addresses } = cloud.networks
  const make = (name: string) => addresses.create({ ...intentOf(job), region, name })
  const [first, second, vm, other] = await Promise.all([
    make('first'),
    make('second'),
    runVm(subject, job),
    runVm(subject, job),
  ])
  await addresses.associate(first, vm)
  await addresses.associate(second, vm)
  expect((await addresses.get(first))?.vm).toBeUndefined()
  expect((await addresses.get(second))?.vm).toBe(vm.id)
  await expect(addresses.associate(second, other)).rejects.toMatchObject({ code: 'conflict' })
  // It is not the one that leads there any more.
  await addresses.disassociate(first)
  expect((await addresses.get(second))?.vm).toBe(vm.id)
  expect((await cloud.compute.get(vm))?.publicIp).toBe((await addresses.get(second))?.ip)
  await removeAll(subject, job)
})

const strip = (rule: { name: string; properties?: Record<string, unknown> }) => {
  const { provisioningState: _, ...properties } = rule.properties ?? {}
  return { name: rule.name, properties }
}
