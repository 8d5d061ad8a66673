import { expect, test } from 'vitest'
import { eventually, type World } from '#test/workers/resources/world.ts'

/** Volumes, through the API and to a cloud. */
export function volumeSuite(current: () => World): void {
  const volume = (world: World, changes = {}) => ({
    provider_id: 'cloud-1',
    name: 'data',
    size_gib: 10,
    tags: { team: 'web' },
    ...(world.dialect.region === 'eastus' ? {} : { zone: world.dialect.zone }),
    ...changes,
  })
  const vmWishes = (world: World) =>
    world.dialect.region === 'eastus' ? {} : { availability_zone: world.dialect.zone }

  test('a volume for a VM is made in its zone, grown, attached, detached and deleted, and each row says so', async () => {
    const world = current()
    const vm = await world.runVm(vmWishes(world))
    const vmPath = `/vms/${String(vm['id'])}`
    const wish = volume(world, { zone: undefined, vm_id: vm['id'] })
    const made = await world.post('/volumes', wish)
    const odd = await world.post('/volumes', { ...wish, zone: 'nowhere-1' })
    expect(odd.body).toMatchObject({ code: 'validation_failed', errors: [{ field: 'zone' }] })
    expect(made.body).toMatchObject({
      job: { state: 'succeeded' },
      volume: { state: 'available', size_gib: 10, type: 'ssd', encrypted: true, tags: { team: 'web' } },
    })
    const path = `/volumes/${String(made.body['volume']?.['id'])}`
    expect((await world.put(path, { size_gib: 12 })).body).toMatchObject({
      job: { state: 'succeeded' },
      volume: { size_gib: 12 },
    })
    const smaller = await world.put(path, { size_gib: 8 })
    expect(smaller.body).toMatchObject({ code: 'validation_failed', errors: [{ field: 'size_gib' }] })
    expect((await world.post(`${path}/attach`, { vm_id: vm['id'] })).body).toMatchObject({
      job: { state: 'succeeded' },
      volume: { state: 'in_use', attached_to: vm['vm_id'] },
    })
    const disksOf = async () =>
      ((await world.get(vmPath))['metadata']?.['disks'] as unknown[] | undefined)?.length
    expect(await disksOf()).toBe(2)
    expect((await world.delete(path)).body).toMatchObject({ code: 'resource_state' })
    expect((await world.post(`${path}/detach`)).body).toMatchObject({
      job: { state: 'succeeded' },
      volume: { state: 'available', attached_to: null },
    })
    expect(await disksOf()).toBe(1)
    expect((await world.delete(path)).body).toMatchObject({ volume: { state: 'deleted' } })
    expect(world.residueOf(made.body['job']?.['id'])).toEqual([])
    await world.delete(vmPath)
  })

  test('a volume that names no zone is made all the same', async () => {
    const world = current()
    const made = await world.post('/volumes', volume(world, { zone: undefined }))
    expect(made.body).toMatchObject({ job: { state: 'succeeded' }, volume: { state: 'available' } })
    await world.delete(`/volumes/${String(made.body['volume']?.['id'])}`)
  })

  test('a volume and an address outlive the VM that they lead to, and are free again at once', async () => {
    const world = current()
    const vm = await world.runVm(vmWishes(world))
    const volumePath = `/volumes/${String((await world.post('/volumes', volume(world))).body['volume']?.['id'])}`
    const kept = await world.post('/addresses', { provider_id: 'cloud-1', name: 'kept' })
    const addressPath = `/addresses/${String(kept.body['address']?.['id'])}`
    await world.post(`${volumePath}/attach`, { vm_id: vm['id'] })
    await world.post(`${addressPath}/associate`, { vm_id: vm['id'] })
    await world.delete(`/vms/${String(vm['id'])}`)
    for (const path of [volumePath, addressPath]) {
      expect(await world.get(path)).toMatchObject({ state: 'available', attached_to: null })
      expect((await world.delete(path)).body).toMatchObject({ job: { state: 'succeeded' } })
    }
  })

  test('a volume stays as it is when its deletion is refused', async () => {
    const world = current()
    const made = await world.post('/volumes', volume(world, { name: 'kept' }))
    const path = `/volumes/${String(made.body['volume']?.['id'])}`
    world.cloud.inject({ operation: world.dialect.deleteVolume, mode: 'error', ...world.dialect.forbidden })
    expect((await world.delete(path)).body).toMatchObject({
      job: { state: 'failed', problem: { code: 'forbidden' }, residue: [] },
      volume: { state: 'available' },
    })
    expect((await world.delete(path)).body).toMatchObject({ job: { state: 'succeeded' } })
  })

  test('a volume that is refused after its reply was lost leaves nothing', async () => {
    const world = current()
    world.cloud.inject({ operation: world.dialect.createVolume, mode: 'drop_reply' })
    world.cloud.inject({
      operation: world.dialect.createVolume,
      mode: 'error',
      times: 3,
      ...world.dialect.forbidden,
    })
    const { body } = await world.post('/volumes', volume(world, { name: 'never' }))
    expect(world.residueOf(body['job']?.['id'])).toEqual([])
    world.cloud.clearFaults()
    expect(body['volume']?.['state']).not.toBe('available')
  })

  test('a volume whose attaching is cancelled while the cloud is at it is free again', async () => {
    const world = current()
    const vm = await world.runVm(vmWishes(world))
    const made = await world.post('/volumes', volume(world, { name: 'undecided' }))
    const path = `/volumes/${String(made.body['volume']?.['id'])}`
    world.cloud.clearCalls()
    world.cloud.inject({ operation: world.dialect.attach, mode: 'delay', delayMs: 200 })
    const { body } = await world.client.post(`${path}/attach`, { vm_id: vm['id'] })
    await eventually('the attaching', () => world.asked(world.dialect.attach) > 0)
    const cancelled = await world.post(`/jobs/${String(body['job']?.['id'])}/cancel`)
    expect(cancelled.body['job']).toMatchObject({ state: 'cancelled', residue: [] })
    expect(await world.get(path)).toMatchObject({ state: 'available', attached_to: null })
    const cloud = await world.open()
    const ref = { region: world.dialect.region, id: String(made.body['volume']?.['cloud_id']) }
    expect(await cloud.storage.volumes.get(ref)).toMatchObject({ state: 'available' })
    await world.delete(path)
    await world.delete(`/vms/${String(vm['id'])}`)
  })
}
