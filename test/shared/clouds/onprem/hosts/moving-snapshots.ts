import { afterEach, expect, test } from 'vitest'
import type { CloudRef } from '#shared/clouds/port.ts'
import { intentOf, newJob, removeAll, rootOf } from '#test/shared/clouds/conformance/subject.ts'
import { snapshotsLab } from '#test/shared/clouds/onprem/hosts/snapshots-lab.ts'
import type { Opened } from '#test/shared/clouds/onprem/on-qemu.ts'

const mib = 2 ** 20

/** What holds of the snapshots of a VM that moves from alpha to beta. `subject` is filled before the tests run. */
export function movingSnapshots(subject: Opened): void {
  const job = newJob()
  afterEach(() => removeAll(subject, job))
  const lab = () => snapshotsLab(subject, job)

  test.for([
    { how: 'live', next: 'what changed', nextBytes: 2 * mib },
    // Since nothing is known of what changed, it is all that either of the two has.
    { how: 'cold', next: 'whole', nextBytes: undefined },
  ])(
    'go with it ($how): each is listed once, builds on what it did, reads as it did, nothing of the VM stays behind, and the next one is $next',
    async ({ how, nextBytes }) => {
      const { cloud } = subject
      const { vmWithChain, digestOf, listed, keptAt, write, take, changedBytes } = lab()
      const { vm, snapshots } = await vmWithChain(3)
      const [first, second, third] = snapshots as [CloudRef, CloudRef, CloudRef]
      await cloud.disks.deleteSnapshot(first)
      const before = [await digestOf(second), await digestOf(third)]
      const stored = (await keptAt('alpha')).files.filter(({ name }) => name.startsWith('snap-'))
      await write(vm, 7)
      if (how === 'cold') await cloud.compute.stop(vm)

      expect(await cloud.hosts.relocate(vm, { zone: 'beta' })).toMatchObject({ live: how === 'live' })
      expect(await keptAt('alpha')).toEqual({ snapshots: [], vms: [], files: [] })
      expect((await listed(snapshots)).toSorted()).toEqual([second.id, third.id].toSorted())
      expect([await digestOf(second), await digestOf(third)]).toEqual(before)
      const { files } = await keptAt('beta')
      for (const { name, allocatedBytes, backing } of stored) {
        const there = files.find((file) => file.name === name)
        expect(there?.backing).toBe(backing)
        expect(there?.allocatedBytes).toBeLessThan(allocatedBytes + mib / 2)
      }

      // The next one: what was written before the move, and since.
      await write(vm, 9)
      const next = await take(vm)
      const parent = (await keptAt('beta')).snapshots.find(({ id }) => id === next.id)?.body.parent
      expect(parent).toBe(how === 'live' ? third.id : undefined)
      const bytes = await changedBytes(third, next)
      expect(bytes).toBe(nextBytes ?? Math.max(bytes, 3 * mib))
      const content = await digestOf(next)
      await cloud.disks.deleteSnapshot(next)
      const whole = await take(vm)
      expect(await digestOf(whole)).toBe(content)

      // The bytes of the deleted one go with the last that builds on them.
      for (const each of [whole, third, second]) await cloud.disks.deleteSnapshot(each)
      expect((await keptAt('beta')).snapshots).toEqual([])
      expect((await keptAt('beta')).files.filter(({ name }) => name.startsWith('snap-'))).toEqual([])
    },
  )

  test('go with it too if their disk was replaced by one of them since', async () => {
    const { cloud, region } = subject
    const { vmWithChain, digestOf, keptAt, listed } = lab()
    const { vm, snapshots } = await vmWithChain(1)
    const [snapshot] = snapshots as [CloudRef]
    const content = await digestOf(snapshot)
    await cloud.compute.stop(vm)
    const disk = rootOf(vm)
    const replacement = await cloud.storage.volumes.create({
      ...intentOf(job),
      region,
      zone: 'alpha',
      name: 'restored',
      sizeGib: Math.ceil(disk.sizeBytes / 2 ** 30),
      type: 'ssd',
      snapshot,
    })
    await cloud.compute.swapDisk(vm, { disk, replacement })
    await cloud.storage.volumes.delete({ region, id: disk.id })
    await cloud.hosts.relocate(vm, { zone: 'beta' })
    expect(await keptAt('alpha')).toEqual({ snapshots: [], vms: [], files: [] })
    expect(await listed(snapshots)).toEqual([snapshot.id])
    expect(await digestOf(snapshot)).toBe(content)
  })

  test('stay where they are, all of them, with their VM, if there is no room for one of them', async () => {
    const { cloud, loopback } = subject
    const { vmWithChain, keptAt } = lab()
    const { vm } = await vmWithChain(2)
    const before = await keptAt('alpha')
    const fail = async () => {
      loopback.inject({ operation: 'nbd write', mode: 'error', code: 'ENOSPC', status: 507, times: 100 })
      await expect(cloud.hosts.relocate(vm, { zone: 'beta' })).rejects.toMatchObject({ code: 'capacity' })
      loopback.clearFaults()
    }
    await fail()
    expect(await cloud.compute.get(vm)).toMatchObject({ state: 'running', zone: 'alpha' })
    await cloud.hosts.relocate(vm, { zone: 'alpha' })
    expect(await keptAt('beta')).toEqual({ snapshots: [], vms: [], files: [] })
    expect((await keptAt('alpha')).snapshots).toEqual(before.snapshots)
    // Nor does anything stay there of one that is deleted instead.
    await fail()
    await cloud.compute.delete(vm)
    expect(await keptAt('beta')).toEqual({ snapshots: [], vms: [], files: [] })
  })
}
