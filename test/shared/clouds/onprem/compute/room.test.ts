import { afterEach, expect, test } from 'vitest'
import { openSite } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  writeChunks,
} from '#test/shared/clouds/conformance/subject.ts'
import { refusalOf, vmRequest, withFault } from '#test/shared/clouds/conformance/things.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

onQemu('a host that turns out to be full', (subject) => {
  const job = newJob()
  afterEach(() => removeAll(subject, job))
  const full = (operation: string) =>
    ({ operation, mode: 'error', times: 1, code: 'ENOSPC', status: 507 }) as const
  const kinds = () =>
    residueOf(subject.loopback, job)
      .map(({ kind }) => kind)
      .toSorted()

  test('keeps nothing of the VM, and the same intent makes it once there is room', async () => {
    const { cloud } = subject
    const request = { ...vmRequest(subject, job), zone: 'alpha' }
    const refusal = await refusalOf(() =>
      withFault(subject, full('qemu-img convert'), () => cloud.compute.create(request)),
    )
    expect(refusal).toMatchObject({ code: 'capacity', kind: 'capacity', scope: 'zone' })
    expect(kinds()).toEqual([])

    // As if the one that took it apart had died in the middle.
    const site = await openSite(parseOnPremSettings(subject.settings))
    await refusalOf(() => withFault(subject, full('blockdev-add'), () => cloud.compute.create(request)))
    const vm = await cloud.compute.create(request)
    await site.byZone('alpha')?.records.change('vm', vm.id, (body) => ({ ...body, phase: 'deleting' }))
    site.close()
    const anew = await cloud.compute.create(request)
    expect(anew).toMatchObject({ id: vm.id, state: 'running' })
    expect(anew.createdAt?.getTime()).toBeGreaterThan(vm.createdAt?.getTime() ?? Infinity)
    expect(kinds()).toEqual(['vm', 'volume'])
  })

  test('gives back the disks that were given for the VM as they were', async () => {
    const { cloud, region } = subject
    const wishes = { firmware: 'bios', architecture: 'x86_64' } as const
    const disk = await cloud.disks.createDisk({
      ...intentOf(job),
      ...wishes,
      region,
      zone: 'alpha',
      name: 'given',
      sizeBytes: 2 ** 30,
    })
    const sink = await cloud.disks.openDiskForWrite(disk)
    await cloud.disks.sealDisk(disk, await writeChunks(sink, new Map()))
    const request = { ...vmRequest(subject, job), boot: { disks: [disk], ...wishes } }
    expect(
      await refusalOf(() => withFault(subject, full('blockdev-add'), () => cloud.compute.create(request))),
    ).toMatchObject({ code: 'capacity' })
    expect(kinds()).toEqual(['volume'])
    expect(await cloud.storage.volumes.get(disk)).toMatchObject({ state: 'available' })
    expect((await cloud.compute.create(request)).id).toBe(idFor('vm', request.token))
    expect(kinds()).toEqual(['vm', 'volume'])
  })
})
