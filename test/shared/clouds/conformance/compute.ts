import { afterAll, describe, expect, test } from 'vitest'
import type { CloudVm } from '#shared/clouds/port.ts'
import {
  intentOf,
  newJob,
  removeAll,
  rootOf,
  runVm,
  until,
  untilState,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { can, makeVolume, refusalOf, vmRequest, zoneOf } from '#test/shared/clouds/conformance/things.ts'

/** What a VM can be wished to be, and what can be done to it later. `subject` is filled before the tests run. */
export function compute(subject: Subject): void {
  describe('wishes for a VM', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))
    const create = async (wishes: object): Promise<CloudVm> => {
      const vm = await subject.cloud.compute.create({ ...vmRequest(subject, job), ...wishes })
      return untilState(subject.cloud, vm, 'running')
    }

    test('a size of one’s own has the vCPUs and the memory that its name says, and a VM gets it', async ({
      skip,
    }) => {
      skip(!can(subject, 'compute.customSize'), 'lacking')
      const { cloud, region } = subject
      const name = 'custom-1-1024'
      expect(await cloud.compute.customSize(region, name)).toMatchObject({ name, vcpus: 1, memoryMib: 1024 })
      expect((await create({ instanceType: name })).instanceType).toBe(name)
    })

    test('a size of one’s own that cannot be is a mistake in instance_type, and other names are none', async ({
      skip,
    }) => {
      const { cloud, region, dialect } = subject
      expect(await cloud.compute.customSize(region, dialect.instanceType)).toBeUndefined()
      skip(!can(subject, 'compute.customSize'), 'lacking')
      for (const name of ['custom-0-1024', 'custom-1-9999999', 'custom-1-1x']) {
        const refusal = await refusalOf(() => cloud.compute.customSize(region, name))
        expect(refusal, `asked for ${name}`).toMatchObject({
          code: 'invalid_request',
          kind: 'permanent',
          details: { field: 'instance_type' },
          remedy: expect.stringMatching(/\S/) as string,
        })
      }
    })

    test('a spot VM says that it is one, and an ordinary one that it is none', async ({ skip }) => {
      skip(!can(subject, 'compute.create.spot'), 'lacking')
      expect((await create({ spot: {} })).spot).toBe(true)
      expect((await runVm(subject, job)).spot ?? false).toBe(false)
    })

    test('a cap on the spot price is taken', async ({ skip }) => {
      skip(!can(subject, 'compute.create.spot_price_cap'), 'lacking')
      expect((await create({ spot: { maxHourlyPrice: '5.25' } })).spot).toBe(true)
    })

    test('hardware of its own', async ({ skip }) => {
      skip(!can(subject, 'compute.create.dedicated'), 'lacking')
      expect((await create({ tenancy: 'dedicated' })).tenancy).toBe('dedicated')
    })

    test('metrics by the minute', async ({ skip }) => {
      skip(!can(subject, 'compute.create.detailed_monitoring'), 'lacking')
      expect((await create({ detailedMonitoring: true })).detailedMonitoring).toBe(true)
    })

    test('a place in a placement group', async ({ skip }) => {
      const { placementGroup } = subject.dialect
      skip(!can(subject, 'compute.create.placement_group'), 'lacking')
      if (placementGroup === undefined) throw new Error('give dialect.placementGroup')
      expect((await create({ placementGroup })).placementGroup).toBe(placementGroup)
    })

    test('disks are encrypted where that is demanded, and with whose key', async () => {
      const vm = await create({ encryption: {} })
      const disk = { region: subject.region, id: rootOf(vm).id }
      expect((await subject.cloud.storage.volumes.get(disk))?.encrypted).toBe(true)
    })

    test('a key of one’s own encrypts the disks', async ({ skip }) => {
      const { customerKey } = subject.dialect
      skip(!can(subject, 'compute.create.customer_key'), 'lacking')
      if (customerKey === undefined) throw new Error('give dialect.customerKey')
      const vm = await create({ encryption: { keyId: customerKey } })
      const disk = { region: subject.region, id: rootOf(vm).id }
      expect(await subject.cloud.storage.volumes.get(disk)).toMatchObject({
        encrypted: true,
        keyId: expect.stringContaining(customerKey) as string,
      })
    })
  })

  describe('changes to a VM', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    test('its tags are set and removed, and the owner tags stay', async () => {
      const { cloud } = subject
      const vm = await runVm(subject, job)
      await cloud.compute.setTags(vm, { set: { team: 'Zürich & Bern', stage: 'prod' }, remove: [] })
      await cloud.compute.setTags(vm, { set: { stage: 'test' }, remove: ['team', 'never-there'] })
      await refusalOf(() => cloud.compute.setTags(vm, { set: {}, remove: ['novacron-job'] }))
      const tags = await until('the tags to be seen', async () => {
        const seen = (await cloud.compute.get(vm))?.tags
        return seen?.['stage'] === 'test' && seen
      })
      expect(tags).toMatchObject({ 'novacron-job': job, 'novacron-tenant': 'acme', stage: 'test' })
      expect(tags).not.toHaveProperty('team')
    })

    test('the size of a running VM is not changed, and that of a stopped one is', async () => {
      const { cloud, dialect } = subject
      const vm = await runVm(subject, job)
      await expect(cloud.compute.resize(vm, dialect.largerType)).rejects.toMatchObject({ code: 'conflict' })
      expect((await cloud.compute.get(vm))?.instanceType).toBe(dialect.instanceType)
      await cloud.compute.stop(vm)
      await untilState(cloud, vm, 'stopped')
      await cloud.compute.resize(vm, dialect.largerType)
      await cloud.compute.resize(vm, dialect.largerType)
      await cloud.compute.start(vm)
      expect((await untilState(cloud, vm, 'running')).instanceType).toBe(dialect.largerType)
      expect((await cloud.compute.get(vm))?.state).toBe('running')
    })

    test('a running VM gets vCPUs while it runs; what its guest does not take part in is a conflict, and changes nothing', async ({
      skip,
    }) => {
      const { cloud, dialect } = subject
      const { liveType } = dialect
      skip(!can(subject, 'compute.resize.live'), 'lacking')
      if (liveType === undefined) throw new Error('give dialect.liveType')
      const vm = await runVm(subject, job)
      const live = { live: true }
      await cloud.compute.resize(vm, liveType, live)
      await cloud.compute.resize(vm, liveType, live)
      expect(await cloud.compute.get(vm)).toMatchObject({ state: 'running', instanceType: liveType })
      // Its guest has no driver for memory that is added, and gives no vCPU back.
      for (const type of [dialect.largerType, dialect.instanceType])
        await expect(cloud.compute.resize(vm, type, live)).rejects.toMatchObject({
          code: 'conflict',
          kind: 'permanent',
        })
      expect(await cloud.compute.get(vm)).toMatchObject({ state: 'running', instanceType: liveType })
    })

    test('a type that does not exist is a mistake, not a want of room', async () => {
      const { cloud } = subject
      const vm = await runVm(subject, job)
      await cloud.compute.stop(vm)
      await untilState(cloud, vm, 'stopped')
      const refusal = await refusalOf(() => cloud.compute.resize(vm, 'no.such-type'))
      expect(refusal).toMatchObject({ kind: 'permanent' })
    })

    test('a VM that cannot be suspended says why, and runs on', async ({ skip }) => {
      skip(subject.dialect.suspendRefused === undefined, 'this cloud’s can')
      const vm = await runVm(subject, job)
      await expect(subject.cloud.compute.suspend(vm)).rejects.toMatchObject({ code: 'unsupported' })
      expect((await subject.cloud.compute.get(vm))?.state).toBe('running')
    })

    test('a suspended VM says so, and goes on when resumed', async ({ skip }) => {
      skip(!can(subject, 'compute.suspend'), 'lacking')
      skip(subject.dialect.suspendRefused !== undefined, subject.dialect.suspendRefused)
      const { cloud } = subject
      // Where the memory is kept on the disk, it needs room there.
      const boot = { image: undefined, diskGib: 16 }
      const created = await cloud.compute.create({ ...vmRequest(subject, job), boot, encryption: {} })
      const vm = await untilState(cloud, created, 'running')
      await cloud.compute.suspend(vm)
      await untilState(cloud, vm, 'suspended')
      await cloud.compute.resume(vm)
      await untilState(cloud, vm, 'running')
    })

    test('a disk is swapped for another at the same place, twice is once, and swapped back', async () => {
      const { cloud, region } = subject
      const vm = await runVm(subject, job)
      const before = rootOf(vm)
      const spare = await makeVolume(subject, job, {
        ...zoneOf(vm),
        sizeGib: Math.ceil(before.sizeBytes / 2 ** 30),
        snapshot: await snapshotOf(vm),
      })
      await cloud.compute.stop(vm)
      await untilState(cloud, vm, 'stopped')

      const swap = { disk: before, replacement: spare }
      await cloud.compute.swapDisk(vm, swap)
      await cloud.compute.swapDisk(vm, swap)
      const swapped = await untilState(cloud, vm, 'stopped')
      expect(swapped.disks.map(({ id }) => id)).toEqual([spare.id])
      expect(rootOf(swapped)).toMatchObject({ device: before.device, boot: true })
      const original = { region, id: before.id }
      expect(await cloud.storage.volumes.get(original)).toMatchObject({ state: 'available' })

      await cloud.compute.swapDisk(vm, { disk: rootOf(swapped), replacement: original })
      const back = await untilState(cloud, vm, 'stopped')
      expect(back.disks.map(({ id, device }) => ({ id, device }))).toEqual([
        { id: before.id, device: before.device },
      ])
      await cloud.compute.start(vm)
      await untilState(cloud, vm, 'running')
    })

    const snapshotOf = async (vm: CloudVm) => {
      const snapshot = await subject.cloud.disks.createSnapshot({
        ...intentOf(job),
        region: subject.region,
        vm,
        disk: rootOf(vm),
      })
      await until('the snapshot', async () => (await subject.cloud.disks.snapshotState(snapshot)) === 'ready')
      return snapshot
    }
  })
}
