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

  test('a size of one’s own is made, and resized to', async ({ skip }) => {
    const world = current()
    skip(!isGoogle(world), 'this cloud has none: see the next test')
    const vm = await world.runVm({ instance_type: 'n2-custom-2-3072' })
    expect(vm['instance_type']).toBe('n2-custom-2-3072')
    const path = `/vms/${String(vm['id'])}`
    const larger = await world.put(path, { instance_type: 'n2-custom-4-8192', allow_stop: true })
    expect(larger.body['job']).toMatchObject({ kind: 'vm.resize', state: 'succeeded' })
    expect(await world.get(path)).toMatchObject({ state: 'running', instance_type: 'n2-custom-4-8192' })
    const odd = await world.put(path, { instance_type: 'n2-custom-4-8000', allow_stop: true })
    expect(odd.body['job']).toMatchObject({
      state: 'failed',
      problem: { code: 'invalid_request', detail: expect.stringMatching(/multiple of 256MiB/) as unknown },
    })
    expect(await world.get(path)).toMatchObject({ state: 'running', instance_type: 'n2-custom-4-8192' })
    await world.delete(path)
  })

  test('a size of one’s own is refused at once where the cloud has none, saying what to send', async ({
    skip,
  }) => {
    const world = current()
    skip(isGoogle(world), 'Google Cloud has them')
    const wish = { name: 'own', region: world.dialect.region, preferred_provider: 'cloud-1' }
    const lacking = {
      status: 422,
      body: {
        code: 'capability_lacking',
        lacking: [{ what: 'compute.customSize' }],
        remedy: expect.stringMatching(/`cpu` and `memory`/) as unknown,
      },
    }
    expect(await world.post('/vms', { ...wish, instance_type: 'custom-2-4096' })).toMatchObject(lacking)
    const path = `/vms/${String((await world.runVm())['id'])}`
    const resized = await world.put(path, { instance_type: 'custom-2-4096', allow_stop: true })
    expect(resized).toMatchObject(lacking)
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

const isGoogle = ({ dialect }: World): boolean => dialect.createVolume.startsWith('compute.')
