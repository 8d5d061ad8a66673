import { describe, expect, test } from 'vitest'
import type { CloudRef } from '#shared/clouds/port.ts'
import {
  intentOf,
  newJob,
  residueOf,
  rootOf,
  untilGone,
  untilState,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'

const gibibyte = 2 ** 30

/** Identity, sizes and the life of a VM. `subject` is filled before the tests run. */
export function vms(subject: Subject): void {
  describe('identity', () => {
    test('valid credentials name their account', async () => {
      expect((await subject.cloud.identity.validate()).accountId).toMatch(/\S/)
    })

    test('the region is listed, and every region has an id and a name', async () => {
      const regions = await subject.cloud.identity.regions()
      expect(regions.map(({ id }) => id)).toContain(subject.region)
      for (const { id, name } of regions) expect([id, name].every((text) => /\S/.test(text))).toBe(true)
    })

    test('sizes are whole and in our units', async () => {
      const sizes = await subject.cloud.compute.sizes(subject.region)
      expect(sizes.map((size) => size.name)).toContain(subject.dialect.instanceType)
      expect(new Set(sizes.map((size) => size.name)).size).toBe(sizes.length)
      for (const size of sizes) {
        expect(size.vcpus).toBeGreaterThan(0)
        expect(size.memoryMib).toBeGreaterThanOrEqual(256)
        expect(size.architectures.length).toBeGreaterThan(0)
      }
    })
  })

  describe('the life of a VM', () => {
    const job = newJob()
    const intent = intentOf(job)
    const request = () => ({
      ...intent,
      region: subject.region,
      name: 'life',
      instanceType: subject.dialect.instanceType,
      boot: { image: undefined },
      userData: '#!/bin/sh\n',
    })
    let vm: CloudRef

    test('a created VM runs, with its name, type, tags and boot disk', async () => {
      vm = await subject.cloud.compute.create(request())
      const running = await untilState(subject.cloud, vm, 'running')
      expect(running).toMatchObject({
        region: subject.region,
        name: 'life',
        instanceType: subject.dialect.instanceType,
        architecture: 'x86_64',
        tags: intent.tags,
      })
      expect(running.createdAt).toBeInstanceOf(Date)
      expect(running.disks).toHaveLength(1)
      expect(rootOf(running).boot).toBe(true)
      expect(rootOf(running).id).toMatch(/\S/)
      expect(rootOf(running).sizeBytes).toBeGreaterThanOrEqual(gibibyte)
    })

    test('the same token gives the same VM, also long after', async () => {
      expect((await subject.cloud.compute.create(request())).id).toBe(vm.id)
      expect(
        residueOf(subject.loopback, job).filter(({ kind }) => /instance|vm|machine/i.test(kind)),
      ).toHaveLength(1)
    })

    test('it is listed', async () => {
      const ids: string[] = []
      for await (const each of subject.cloud.compute.list({ region: subject.region })) ids.push(each.id)
      expect(ids.filter((id) => id === vm.id)).toHaveLength(1)
    })

    test('it stops, and stopping it again changes nothing', async () => {
      await subject.cloud.compute.stop(vm)
      await untilState(subject.cloud, vm, 'stopped')
      await subject.cloud.compute.stop(vm)
      expect((await subject.cloud.compute.get(vm))?.state).toBe('stopped')
    })

    test('it starts again, and a restart leaves it running', async () => {
      await subject.cloud.compute.start(vm)
      await untilState(subject.cloud, vm, 'running')
      await subject.cloud.compute.restart(vm)
      await untilState(subject.cloud, vm, 'running')
    })

    test('deleted, it is gone with its disks and all else that came with it', async () => {
      await subject.cloud.compute.delete(vm)
      await untilGone(subject.cloud, vm)
      await subject.cloud.compute.delete(vm)
      expect(residueOf(subject.loopback, job)).toEqual([])
    })
  })
}
