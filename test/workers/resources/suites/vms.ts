import { expect, test } from 'vitest'
import type { World } from '#test/workers/resources/world.ts'

/** Changes of a VM that stays the same VM. */
export function vmSuite(current: () => World): void {
  test('a VM gets another size and other tags, and runs again', async () => {
    const world = current()
    const vm = await world.runVm({ tags: { team: 'web', tier: 'front' } })
    const path = `/vms/${String(vm['id'])}`
    const read = await world.client.get(path)
    const headers = { 'if-match': String(read.headers.get('etag')), prefer: 'wait=25' }
    const refused = await world.client.put(path, { instance_type: 'large' }, headers)
    expect(refused.body).toMatchObject({
      code: 'vm_state',
      remedy: expect.stringContaining('allow_stop') as unknown,
    })
    const wish = { instance_type: 'large', allow_stop: true, tags: { team: 'shop' } }
    const changed = await world.client.put(path, wish, headers)
    expect(changed.body).toMatchObject({ job: { kind: 'vm.resize', state: 'succeeded' } })
    const after = await world.get(path)
    expect(after['state']).toBe('running')
    expect(after['instance_type']).not.toBe(vm['instance_type'])
    expect(after['tags']).toMatchObject({ team: 'shop' })
    expect(after['tags']).not.toHaveProperty('tier')
    expect((await world.client.put(path, wish, headers)).status).toBe(412)
    await world.delete(path)
  })

  test('a resize that is refused gives the VM its power and its tags back', async () => {
    const world = current()
    const vm = await world.runVm({ tags: { team: 'web' } })
    const path = `/vms/${String(vm['id'])}`
    world.cloud.inject({
      operation: world.dialect.resize,
      mode: 'error',
      ...world.dialect.forbidden,
      skip: world.dialect.resizeSkip,
    })
    const { body } = await world.put(path, { instance_type: 'large', allow_stop: true, tags: { team: 'x' } })
    expect(body['job']).toMatchObject({
      state: 'failed',
      problem: { code: 'forbidden', step: 'resize' },
      residue: [],
    })
    expect(await world.get(path)).toMatchObject({
      state: 'running',
      instance_type: vm['instance_type'],
      tags: { team: 'web' },
    })
    await world.delete(path)
  })

  test('a VM is suspended, keeping its memory, and goes on', async () => {
    const world = current()
    const vm = await world.runVm({ name: 'sleeper', ...world.dialect.sleeper })
    const path = `/vms/${String(vm['id'])}`
    expect((await world.post(`${path}/suspend`)).body).toMatchObject({
      job: { kind: 'vm.suspend', state: 'succeeded' },
      vm: { state: 'suspended' },
    })
    // That would throw its memory away.
    expect((await world.post(`${path}/stop`)).body).toMatchObject({
      job: {
        state: 'failed',
        problem: { code: 'vm_state', remedy: expect.stringContaining('resume') as unknown },
      },
    })
    expect((await world.post(`${path}/resume`)).body).toMatchObject({
      job: { state: 'succeeded' },
      vm: { state: 'running' },
    })
    await world.delete(path)
  })
}
