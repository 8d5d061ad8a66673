import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CloudRef, CloudVm, SecurityRule } from '#shared/clouds/port.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { intentOf, newJob, removeAll, untilState } from '#test/shared/clouds/conformance/subject.ts'
import { vmRequest } from '#test/shared/clouds/conformance/things.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const hypervisor = await findHypervisor()

const tcp = (port: number, cidr = '0.0.0.0/0'): SecurityRule => ({
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: port,
  toPort: port,
  cidrs: [cidr],
})

/** Does somebody listen there? */
const listens = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })

describe.skipIf('reason' in hypervisor)(
  `addresses of VMs on user-mode networks${'reason' in hypervisor ? ` (${hypervisor.reason})` : ''}`,
  () => {
    const job = newJob()
    const subject = useSubject(openSubject, { job })
    let group: CloudRef
    let vm: CloudVm
    let address: CloudRef
    let ip: string
    const open = async (...ports: number[]) => {
      const listening = await Promise.all(ports.map((port) => listens(ip, port)))
      return ports.filter((_, index) => listening[index])
    }
    beforeAll(async () => {
      const { cloud, region } = subject
      group = await cloud.networks.securityGroups.create({
        ...intentOf(job),
        region,
        name: 'doors',
        description: 'doors',
        rules: [tcp(20_080), tcp(20_022, '10.0.0.0/8')],
      })
      vm = await untilState(
        cloud,
        await cloud.compute.create({ ...vmRequest(subject, job), securityGroups: ['doors'] }),
        'running',
      )
      address = await cloud.networks.addresses.create({ ...intentOf(job), region, name: 'front' })
      ip = (await cloud.networks.addresses.get(address))?.ip ?? ''
    })
    afterAll(() => removeAll(subject, job))

    test('an address leads exactly what everybody may call, from the moment that it leads to the VM', async () => {
      const { addresses } = subject.cloud.networks
      expect(await open(20_080, 20_022)).toEqual([])
      await addresses.associate(address, vm)
      expect(await open(20_080, 20_022)).toEqual([20_080])
      await addresses.disassociate(address)
      expect(await open(20_080)).toEqual([])
      await addresses.associate(address, vm)
    })

    test('a change of rules changes at once what is led, also back', async () => {
      const { setRules } = subject.cloud.networks.securityGroups
      await setRules(group, [tcp(20_080), tcp(20_443)])
      expect(await open(20_080, 20_443)).toEqual([20_080, 20_443])
      await setRules(group, [tcp(20_443)])
      expect(await open(20_080, 20_443)).toEqual([20_443])
      await setRules(group, [])
      expect(await open(20_080, 20_443)).toEqual([])
      await setRules(group, [tcp(20_080)])
      expect(await open(20_080)).toEqual([20_080])
    })

    test('rules that cannot be led or enforced are refused, and what was there stays', async () => {
      const { securityGroups } = subject.cloud.networks
      const wide: SecurityRule = { ...tcp(1), toPort: 65_535 }
      await expect(securityGroups.setRules(group, [wide])).rejects.toMatchObject({ code: 'invalid_request' })
      const caged: SecurityRule = { ...tcp(443), direction: 'egress' }
      await expect(securityGroups.setRules(group, [caged])).rejects.toMatchObject({ code: 'unsupported' })
      expect((await securityGroups.get(group))?.rules).toEqual([tcp(20_080)])
      expect(await open(20_080)).toEqual([20_080])
    })

    test('a VM has one address: another one takes its place, and is led to it after a stop and a start', async () => {
      const { cloud, region } = subject
      const { addresses } = cloud.networks
      const other = await addresses.create({ ...intentOf(job), region, name: 'back' })
      const otherIp = (await addresses.get(other))?.ip ?? ''
      await addresses.associate(other, vm)
      expect((await addresses.get(address))?.vm).toBeUndefined()
      expect((await cloud.compute.get(vm))?.publicIp).toBe(otherIp)
      expect(await open(20_080)).toEqual([])
      await cloud.compute.stop(vm)
      await untilState(cloud, vm, 'stopped')
      expect(await listens(otherIp, 20_080)).toBe(false)
      await cloud.compute.start(vm)
      await untilState(cloud, vm, 'running')
      expect(await listens(otherIp, 20_080)).toBe(true)
    })

    test('what the host cannot bind is an error, and the address is not on record as leading there', async () => {
      const { cloud, region } = subject
      const stranger = await subject.reopen({ options: { addresses: ['203.0.113.77'] } })
      try {
        const foreign = await stranger.networks.addresses.create({
          ...intentOf(job),
          region,
          name: 'foreign',
        })
        await expect(stranger.networks.addresses.associate(foreign, vm)).rejects.toMatchObject({
          name: 'CloudError',
          kind: 'permanent',
        })
        expect((await cloud.networks.addresses.get(foreign))?.vm).toBeUndefined()
      } finally {
        stranger.close()
      }
    })
  },
)
