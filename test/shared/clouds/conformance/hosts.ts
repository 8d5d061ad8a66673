import { afterAll, describe, expect, test } from 'vitest'
import type { CloudHost, CloudVm } from '#shared/clouds/port.ts'
import {
  digestOfDisk,
  digestOfFile,
  intentOf,
  newJob,
  removeAll,
  rootOf,
  runVm,
  untilReady,
  untilState,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { can, refusalOf, vmRequest } from '#test/shared/clouds/conformance/things.ts'

/** Hosts of the user's own, where the cloud has them. `subject` is filled before the tests run. */
export function hosts(subject: Subject): void {
  describe('hosts', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))
    const list = () => Array.fromAsync(subject.cloud.hosts.list({ region: subject.region }))
    const find = async (name: string | undefined): Promise<CloudHost> => {
      const found = (await list()).find(({ id }) => id === name)
      if (!found) throw new Error(`${name} is not listed`)
      return found
    }
    const other = async ({ zone }: CloudVm): Promise<CloudHost> => {
      const found = (await list()).find(({ id }) => id !== zone)
      if (!found) throw new Error('there is one host only')
      return found
    }
    const digestOf = async (vm: CloudVm): Promise<string> => {
      const { cloud, region } = subject
      const wishes = { ...intentOf(job), region, vm, disk: rootOf(vm) }
      const source = await cloud.disks.openSnapshot(
        await untilReady(cloud, await cloud.disks.createSnapshot(wishes)),
      )
      const digest = await digestOfDisk(source)
      await source.close()
      return digest
    }

    test('each is listed once with its room, and a VM takes some of it', async ({ skip }) => {
      skip(!can(subject, 'hosts.list'), 'lacking')
      const before = await list()
      expect(new Set(before.map(({ id }) => id)).size).toBe(before.length)
      for (const { state, vcpus, memoryMib, pools, hypervisor, acceleration } of before) {
        expect(state).toBe('ready')
        expect(vcpus.limit).toBeGreaterThan(vcpus.used)
        expect(memoryMib.limit).toBeGreaterThan(memoryMib.used)
        expect(pools.every(({ freeBytes, totalBytes }) => freeBytes <= totalBytes)).toBe(true)
        expect(pools.length).toBeGreaterThan(0)
        expect(hypervisor).toMatch(/\d/)
        expect(acceleration?.reason).toMatch(/\S/)
      }
      const vm = await runVm(subject, job)
      const used = before.find(({ id }) => id === vm.zone)?.vcpus.used ?? Infinity
      expect((await find(vm.zone)).vcpus.used).toBeGreaterThan(used)
    })

    test('one in maintenance takes no new VM, and says so; back in service it does', async ({ skip }) => {
      skip(!can(subject, 'hosts.setMaintenance'), 'lacking')
      const { cloud, dialect } = subject
      const host = await find(dialect.zone)
      await cloud.hosts.setMaintenance(host, true)
      await cloud.hosts.setMaintenance(host, true)
      expect((await find(host.id)).state).toBe('maintenance')
      const wishes = { ...vmRequest(subject, job), zone: host.id }
      expect(await refusalOf(() => cloud.compute.create(wishes))).toMatchObject({
        code: 'capacity',
        message: expect.stringContaining('maintenance') as string,
      })
      expect((await runVm({ ...subject, dialect: { ...dialect, zone: '' } }, job)).zone).not.toBe(host.id)
      await cloud.hosts.setMaintenance(host, false)
      expect((await find(host.id)).state).toBe('ready')
      expect((await untilState(cloud, await cloud.compute.create(wishes), 'running')).zone).toBe(host.id)
    })

    test('a running VM moves with its bytes and runs on, a stopped one stays stopped; twice is once', async ({
      skip,
    }) => {
      skip(!can(subject, 'hosts.relocate'), 'lacking')
      const { cloud, imagePath } = subject
      const vm = await runVm(subject, job)
      const there = await other(vm)
      const moved = await cloud.hosts.relocate(vm, { zone: there.id })
      expect(moved).toMatchObject({ zone: there.id, live: true })
      expect(moved.downtimeMs).toBeLessThanOrEqual(1000)
      expect(await cloud.hosts.relocate(vm, { zone: there.id })).toMatchObject({ zone: there.id })
      const after = await cloud.compute.get(vm)
      expect(after).toMatchObject({ id: vm.id, state: 'running', zone: there.id, tags: vm.tags })
      if (!after) throw new Error('it is gone')
      expect(await digestOf(after)).toBe(await digestOfFile(imagePath))

      await cloud.compute.stop(vm)
      await untilState(cloud, vm, 'stopped')
      expect(await cloud.hosts.relocate(vm, { zone: vm.zone ?? '' })).toMatchObject({ live: false })
      const back = await untilState(cloud, vm, 'stopped')
      expect(back.zone).toBe(vm.zone)
      await cloud.compute.start(vm)
      expect(await digestOf(await untilState(cloud, vm, 'running'))).toBe(await digestOfFile(imagePath))
      const all = (await Array.fromAsync(cloud.compute.list({}))).filter(({ id }) => id === vm.id)
      expect(all).toHaveLength(1)
    })
  })
}
