import { afterAll, describe, expect, test } from 'vitest'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  untilGone,
  untilState,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { changesOf, insist, listedAs, refusalOf, vmRequest } from '#test/shared/clouds/conformance/things.ts'

/** Networks, their subnets, and VMs in them. `subject` is filled before the tests run. */
export function networks(subject: Subject): void {
  describe('networks', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    const makeNetwork = (name: string) =>
      subject.cloud.networks.create({ ...intentOf(job), region: subject.region, name, cidr: '10.20.0.0/16' })

    test('a network is ready when it is made, listed with its subnets, and gone when deleted', async () => {
      const { cloud, region } = subject
      const network = await makeNetwork('listed')
      const wishes = { network, name: 'front', cidr: '10.20.1.0/24' }
      const subnet = await cloud.networks.subnets.create({ ...intentOf(job), ...wishes })
      const described = await cloud.networks.get(network)
      expect(described).toMatchObject({
        region,
        id: network.id,
        name: 'listed',
        state: 'ready',
        isDefault: false,
        tags: { 'novacron-job': job },
      })
      expect(described?.subnets).toHaveLength(1)
      expect(described?.subnets[0]).toMatchObject({
        id: subnet.id,
        network: network.id,
        name: 'front',
        cidr: '10.20.1.0/24',
      })
      expect(await listedAs(network, () => cloud.networks.list({ region }))).toEqual([described])

      await cloud.networks.subnets.delete(subnet)
      await cloud.networks.subnets.delete(subnet)
      await cloud.networks.delete(network)
      await cloud.networks.delete(network)
      expect(await cloud.networks.get(network)).toBeUndefined()
    })

    test('a VM goes into the subnet and the group it is given, and holds both until it is gone', async () => {
      const { cloud, region } = subject
      const network = await makeNetwork('held')
      const wishes = { network, name: 'front', cidr: '10.20.1.0/24' }
      const subnet = await cloud.networks.subnets.create({ ...intentOf(job), ...wishes })
      const group = await cloud.networks.securityGroups.create({
        ...intentOf(job),
        region,
        network,
        name: 'web',
        description: 'for the web',
        rules: [{ direction: 'ingress', protocol: 'tcp', fromPort: 443, toPort: 443, cidrs: ['0.0.0.0/0'] }],
      })
      const request = { ...vmRequest(subject, job), subnet: subnet.id, securityGroups: [group.id] }
      const vm = await untilState(cloud, await cloud.compute.create(request), 'running')
      expect(vm.subnet).toBe(subnet.id)
      expect(vm.securityGroups).toEqual([group.id])
      expect(vm.privateIp).toMatch(/^10\.20\.1\./)

      const inUse = { code: 'conflict', retryable: true }
      await expect(cloud.networks.subnets.delete(subnet)).rejects.toMatchObject(inUse)
      await expect(cloud.networks.delete(network)).rejects.toMatchObject(inUse)
      await expect(cloud.networks.securityGroups.delete(group)).rejects.toMatchObject(inUse)

      await cloud.compute.delete(vm)
      await untilGone(cloud, vm)
      await insist(() => cloud.networks.securityGroups.delete(group))
      await insist(() => cloud.networks.subnets.delete(subnet))
      await insist(() => cloud.networks.delete(network))
    })

    test('a security group that does not exist is refused by its name, before anything is made', async () => {
      const { cloud, region } = subject
      const make = () =>
        cloud.networks.securityGroups.create({
          ...intentOf(job),
          region,
          name: 'short-lived',
          description: 'gone before it is used',
          rules: [],
        })
      const gone = await make()
      await cloud.networks.securityGroups.delete(gone)
      for (const group of [gone.id, 'no-such-group']) {
        const own = newJob()
        let refusal
        const changes = await changesOf(subject, async () => {
          const request = { ...vmRequest(subject, own), securityGroups: [group] }
          refusal = await refusalOf(() => cloud.compute.create(request))
        })
        expect(refusal, `named ${group}`).toMatchObject({
          code: 'not_found',
          kind: 'permanent',
          details: { field: 'security_groups' },
          message: expect.stringContaining(group) as string,
          remedy: expect.stringMatching(/\S/) as string,
        })
        expect(changes, `named ${group}`).toEqual([])
        expect(residueOf(subject.loopback, own)).toEqual([])
      }
    })

    test('a subnet outside its network, or across another, is refused as a mistake', async () => {
      const { cloud } = subject
      const network = await makeNetwork('narrow')
      const subnet = (cidr: string) =>
        cloud.networks.subnets.create({ ...intentOf(job), network, name: `s${cidr.length}`, cidr })
      await subnet('10.20.1.0/24')
      await expect(subnet('10.20.1.128/25')).rejects.toMatchObject({ kind: 'permanent' })
    })
  })
}
