import { expect, test } from 'vitest'
import type { Json } from '#test/api/harness.ts'
import type { World } from '#test/workers/resources/world.ts'

/** Snapshots of VMs and volumes, and what is restored from them. */
export function snapshotSuite(current: () => World): void {
  const diskOf = (vm: Json) => (vm['metadata']?.['disks'] as unknown as { id: string }[] | undefined)?.[0]?.id

  test('a VM is set back to its snapshot: disks replaced, power as it was, nothing left over', async () => {
    const world = current()
    const vm = await world.runVm()
    const vmPath = `/vms/${String(vm['id'])}`
    const taken = await world.post(`${vmPath}/snapshot`, { name: 'before' })
    expect(taken.body).toMatchObject({
      job: { state: 'succeeded' },
      snapshot: { state: 'available', vm_id: vm['id'], disks: [{ disk_cloud_id: diskOf(vm) }] },
    })
    const path = `/snapshots/${String(taken.body['snapshot']?.['id'])}`
    const restored = await world.post(`${path}/restore`, { vm_id: vm['id'] })
    expect(restored.body).toMatchObject({
      job: { kind: 'snapshot.restore', state: 'succeeded', residue: [] },
    })
    const after = await world.get(vmPath)
    expect(after['state']).toBe('running')
    expect(diskOf(after)).not.toBe(diskOf(vm))
    const ids = world.cloud.residue().map(({ id }) => id)
    expect(ids.some((id) => id === diskOf(vm) || diskOf(vm)?.endsWith(`/${id}`))).toBe(false)
    expect((await world.delete(vmPath)).body).toMatchObject({ job: { state: 'succeeded' } })
    expect((await world.delete(path)).body).toMatchObject({ snapshot: { state: 'deleted' } })
    for (const { body } of [taken, restored]) expect(world.residueOf(body['job']?.['id'])).toEqual([])
  })

  test('a restore after which the VM may not start gives it its disks and its power back', async () => {
    const world = current()
    const vm = await world.runVm()
    const vmPath = `/vms/${String(vm['id'])}`
    const taken = await world.post(`${vmPath}/snapshot`)
    const path = `/snapshots/${String(taken.body['snapshot']?.['id'])}`
    world.cloud.inject({ operation: world.dialect.start, mode: 'error', ...world.dialect.forbidden })
    const { body } = await world.post(`${path}/restore`, { vm_id: vm['id'] })
    expect(body['job']).toMatchObject({
      state: 'failed',
      problem: { code: 'forbidden', step: 'start' },
      residue: [],
    })
    const after = await world.get(vmPath)
    expect(after['state']).toBe('running')
    expect(diskOf(after)).toBe(diskOf(vm))
    expect(world.residueOf(body['job']?.['id'])).toEqual([])
    await world.delete(path)
    await world.delete(vmPath)
  })

  test('a snapshot of a volume becomes a new volume in the zone of the old one', async () => {
    const world = current()
    const zone = world.dialect.region === 'eastus' ? {} : { zone: world.dialect.zone }
    const made = await world.post('/volumes', {
      provider_id: 'cloud-1',
      name: 'origin',
      size_gib: 10,
      ...zone,
    })
    const volumePath = `/volumes/${String(made.body['volume']?.['id'])}`
    const taken = await world.post(`${volumePath}/snapshot`, { name: 'nightly' })
    expect(taken.body).toMatchObject({ job: { state: 'succeeded' }, snapshot: { size_gib: 10 } })
    const path = `/snapshots/${String(taken.body['snapshot']?.['id'])}`
    const restored = await world.post(`${path}/restore`, { volume: { name: 'copy' } })
    expect(restored.body).toMatchObject({
      job: { state: 'succeeded' },
      volume: { name: 'copy', size_gib: 10, state: 'available', ...zone },
    })
    await world.delete(`/volumes/${String(restored.body['volume']?.['id'])}`)
    await world.delete(path)
    await world.delete(volumePath)
  })
}
