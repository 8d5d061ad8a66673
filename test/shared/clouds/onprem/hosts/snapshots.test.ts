import { afterEach, expect, test } from 'vitest'
import type { CloudRef } from '#shared/clouds/port.ts'
import { newJob, removeAll } from '#test/shared/clouds/conformance/subject.ts'
import { snapshotsLab } from '#test/shared/clouds/onprem/hosts/snapshots-lab.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

const mib = 2 ** 20

onQemu('snapshots of a VM that moves to another host', (subject) => {
  const job = newJob()
  afterEach(() => removeAll(subject, job))
  const lab = () => snapshotsLab(subject, job)

  test.for(['live', 'cold'] as const)(
    'go with it (%s): each is listed once, builds on what it did, reads as it did, and nothing of the VM stays behind',
    async (how) => {
      const { cloud } = subject
      const { vmWithChain, digestOf, listed, keptAt } = lab()
      const { vm, snapshots } = await vmWithChain(3)
      const [first, second, third] = snapshots as [CloudRef, CloudRef, CloudRef]
      await cloud.disks.deleteSnapshot(first)
      const before = [await digestOf(second), await digestOf(third)]
      const stored = (await keptAt('alpha')).files.filter(({ name }) => name.startsWith('snap-'))
      if (how === 'cold') await cloud.compute.stop(vm)

      expect(await cloud.hosts.relocate(vm, { zone: 'beta' })).toMatchObject({ live: how === 'live' })
      expect(await keptAt('alpha')).toEqual({ snapshots: [], vms: [], files: [] })
      expect(await listed(snapshots)).toEqual(expect.arrayContaining([second.id, third.id]))
      expect(await listed(snapshots)).toHaveLength(2)
      expect([await digestOf(second), await digestOf(third)]).toEqual(before)
      const { files } = await keptAt('beta')
      for (const { name, allocatedBytes, backing } of stored) {
        const there = files.find((file) => file.name === name)
        expect(there?.backing).toBe(backing)
        expect(Math.abs((there?.allocatedBytes ?? 0) - allocatedBytes)).toBeLessThan(mib / 2)
      }
      // The bytes of the deleted one go with the last that builds on them.
      for (const each of [third, second]) await cloud.disks.deleteSnapshot(each)
      expect((await keptAt('beta')).snapshots).toEqual([])
      expect((await keptAt('beta')).files.filter(({ name }) => name.startsWith('snap-'))).toEqual([])
    },
  )
})
