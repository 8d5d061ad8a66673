import { afterAll, describe, expect, test } from 'vitest'
import type { CloudVm, VolumeType } from '#shared/clouds/port.ts'
import {
  intentOf,
  newJob,
  removeAll,
  runVm,
  until,
  untilGone,
  untilState,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import {
  listedAs,
  makeVolume,
  untilVolume,
  vmRequest,
  zoneOf,
} from '#test/shared/clouds/conformance/things.ts'

const gibibyte = 2 ** 30

/** Block storage. `subject` is filled before the tests run. */
export function volumes(subject: Subject): void {
  describe('volumes', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    test('a volume is encrypted, described and listed once', async () => {
      const { cloud, region } = subject
      const volume = await makeVolume(subject, job, { name: 'ledger' })
      expect(volume).toMatchObject({
        region,
        name: 'ledger',
        sizeBytes: 10 * gibibyte,
        type: 'ssd',
        encrypted: true,
        tags: { 'novacron-job': job },
      })
      expect(volume.vendorType).toMatch(/\S/)
      expect(await listedAs(volume, () => cloud.storage.volumes.list({ region }))).toEqual([volume])
    })

    test.for<VolumeType>(['standard', 'ssd', 'premium'])('a %s volume says that it is one', async (type) => {
      expect((await makeVolume(subject, job, { type })).type).toBe(type)
    })

    test('an attached volume is held, moves only once free, and outlives its VM', async () => {
      const { cloud } = subject
      const own = cloud.storage.volumes
      const vm = await runVm(subject, job)
      const request = { ...vmRequest(subject, job), ...zoneOf(vm) }
      const other = await untilState(cloud, await cloud.compute.create(request), 'running')
      const volume = await makeVolume(subject, job, zoneOf(vm))
      await own.attach(volume, vm)
      await own.attach(volume, vm)
      const attached = await untilVolume(subject, volume, 'in_use')
      expect(attached.vm).toBe(vm.id)
      const seen = await until('the VM to show it', async () => {
        const { disks = [] } = (await cloud.compute.get(vm)) ?? {}
        return disks.find(({ id }) => id === volume.id)
      })
      expect(seen).toMatchObject({ boot: false, sizeBytes: volume.sizeBytes })

      await expect(own.attach(volume, other)).rejects.toMatchObject({ code: 'conflict' })
      await expect(own.delete(volume)).rejects.toMatchObject({ code: 'conflict' })
      if (subject.dialect.detachNeedsGuest !== undefined) await stop(vm)
      await own.detach(volume)
      await untilVolume(subject, volume, 'available')
      await own.detach(volume)
      await own.attach(volume, other)
      await untilVolume(subject, volume, 'in_use')
      await cloud.compute.delete(other)
      await untilGone(cloud, other)
      expect((await untilVolume(subject, volume, 'available')).vm).toBeUndefined()
    })

    test('a volume that a running guest does not let go of stays attached, and goes once the VM is stopped', async ({
      skip,
    }) => {
      skip(subject.dialect.detachNeedsGuest === undefined, 'this cloud asks no guest')
      const own = subject.cloud.storage.volumes
      const vm = await runVm(subject, job)
      const volume = await makeVolume(subject, job, zoneOf(vm))
      await own.attach(volume, vm)
      await expect(own.detach(volume)).rejects.toMatchObject({ code: 'conflict' })
      expect((await own.get(volume))?.vm).toBe(vm.id)
      await stop(vm)
      await own.detach(volume)
      expect((await untilVolume(subject, volume, 'available')).vm).toBeUndefined()
    })

    const stop = async (vm: CloudVm) => {
      await subject.cloud.compute.stop(vm)
      await untilState(subject.cloud, vm, 'stopped')
    }

    test('a volume that names no zone is made all the same, once for a token', async () => {
      const own = subject.cloud.storage.volumes
      const wish = {
        ...intentOf(job),
        region: subject.region,
        name: 'anywhere',
        sizeGib: 10,
        type: 'ssd',
      } as const
      const made = await own.create(wish)
      expect(await own.create(wish)).toEqual(made)
      expect((await untilVolume(subject, made, 'available')).name).toBe('anywhere')
    })

    test('a volume grows, again is fine, and it never shrinks', async () => {
      const own = subject.cloud.storage.volumes
      const volume = await makeVolume(subject, job)
      await own.resize(volume, 20)
      await own.resize(volume, 20)
      await until(
        'the volume to have grown',
        async () => (await own.get(volume))?.sizeBytes === 20 * gibibyte,
      )
      await expect(own.resize(volume, 10)).rejects.toMatchObject({ kind: 'permanent' })
    })

    test('a deleted volume is gone, and deleting it again is fine', async () => {
      const own = subject.cloud.storage.volumes
      const volume = await makeVolume(subject, job)
      await own.delete(volume)
      await own.delete(volume)
      await until('the volume to be gone', async () => (await own.get(volume)) === undefined)
    })
  })
}
