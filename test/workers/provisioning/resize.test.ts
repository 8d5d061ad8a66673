import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { sizeOf } from '#test/shared/clouds/onprem/compute/agree.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'
import { until } from '#test/clouds/onprem/until.ts'
import { openWorld, wait } from '#test/workers/hosts/world.ts'

onQemu('the size of a running VM by REST, with real workers', (subject) => {
  let world: Awaited<ReturnType<typeof openWorld>>
  let path: string
  beforeAll(async () => {
    world = await openWorld(subject)
  })
  beforeEach(async () => {
    path = `/vms/${await world.createVm('web', 'alpha')}`
    subject.loopback.clearCalls()
  })
  afterEach(async () => {
    subject.loopback.clearFaults()
    await world.client.delete(path, wait)
  })
  afterAll(() => world.close())

  const put = (body: object, headers: Record<string, string> = wait) =>
    world.client.put(path, body, { ...headers, 'if-match': '*' })
  const asked = (operation: string) =>
    subject.loopback.calls().filter((call) => call.operation === operation).length
  const machine = async () => {
    const { body } = await world.client.get(path)
    const { instance_type: told, vm_id: id } = body as unknown as { instance_type: string; vm_id: string }
    const seen = await sizeOf(subject, { region: subject.region, id })
    expect(seen.type).toBe(told)
    return { ...seen, state: body['state'] }
  }
  const finished = async (id: string) => {
    const job = async () => (await world.client.get(`/jobs/${id}`)).body
    await until('the job', async () => /succeeded|failed|cancelled/.test(String((await job())['state'])))
    return job()
  }
  /** Cancels a resize in the moment before its second vCPU is added: the first stays with the guest. */
  const cancelHalfWay = async (wish: object) => {
    subject.loopback.inject({ operation: 'device_add', mode: 'hold', skip: 1 })
    const { body } = await put(wish, {})
    const id = String(body['job']?.['id'])
    await until('the second vCPU', () => Promise.resolve(asked('device_add') === 2))
    await world.client.post(`/jobs/${id}/cancel`, undefined)
    subject.loopback.clearFaults()
    return finished(id)
  }

  test('changes while it runs, and nobody has to allow a stop', async () => {
    const { body } = await put({ instance_type: 'tiny-2' })
    expect(body).toMatchObject({
      job: {
        state: 'succeeded',
        output: { resize: { instance_type: 'tiny-2', live: true } },
      },
      vm: { state: 'running', instance_type: 'tiny-2' },
    })
    expect([asked('quit'), asked('system_powerdown')]).toEqual([0, 0])
    expect(await machine()).toMatchObject({ vcpus: 2, state: 'running' })
  })

  test('may be one of one’s own, and one that no host could hold changes nothing', async () => {
    const { body } = await put({ instance_type: 'custom-2-256' })
    expect(body).toMatchObject({ job: { state: 'succeeded' }, vm: { instance_type: 'custom-2-256' } })
    const refused = await put({ instance_type: 'custom-2-9999999', allow_stop: true })
    expect(refused.body['job']).toMatchObject({
      state: 'failed',
      problem: { code: 'invalid_request', step: 'inspect' },
    })
    expect(await machine()).toMatchObject({ type: 'custom-2-256', vcpus: 2, state: 'running' })
  })

  test('that cannot change while it runs changes by a stop, if that is allowed, and else not at all', async () => {
    const refused = await put({ instance_type: 'more-0', tags: { team: 'shop' } })
    expect(refused.body).toMatchObject({
      job: {
        state: 'failed',
        residue: [],
        problem: {
          code: 'vm_state',
          detail: expect.stringContaining('does not take the memory') as string,
          remedy: expect.stringContaining('allow_stop') as string,
        },
      },
    })
    expect(await machine()).toMatchObject({ type: 'tiny', vcpus: 1, state: 'running' })
    expect((await world.client.get(path)).body['tags']).not.toHaveProperty('team')
    expect(asked('quit')).toBe(0)

    const { body } = await put({ instance_type: 'more-0', allow_stop: true })
    expect(body).toMatchObject({
      job: { state: 'succeeded', output: { resize: { instance_type: 'more-0', live: false } } },
    })
    expect(await machine()).toMatchObject({ type: 'more-0', vcpus: 2, memoryMib: 512, state: 'running' })
  })

  test('that is refused half way is as it was', async () => {
    subject.loopback.inject({ operation: 'device_add', mode: 'error', code: 'EACCES', status: 403 })
    const { body } = await put({ instance_type: 'tiny-2' })
    expect(body).toMatchObject({ job: { state: 'failed', residue: [], problem: { code: 'forbidden' } } })
    expect(await machine()).toMatchObject({ type: 'tiny', vcpus: 1, state: 'running' })
  })

  test('that is cancelled when the guest has a part of it becomes whole, and the job says that it stays', async () => {
    const job = await cancelHalfWay({ instance_type: 'tiny-3' })
    expect(job).toMatchObject({
      state: 'cancelled',
      residue: [
        {
          step: 'resize_live',
          problem: {
            detail: expect.stringContaining('stays a tiny-3') as string,
            remedy: expect.stringContaining('allow_stop') as string,
          },
        },
      ],
    })
    expect(await machine()).toMatchObject({ type: 'tiny-3', vcpus: 3, state: 'running' })
  })

  test('that is cancelled then, and may be stopped, is stopped to be as it was', async () => {
    const job = await cancelHalfWay({ instance_type: 'tiny-3', allow_stop: true })
    expect(job).toMatchObject({ state: 'cancelled', residue: [] })
    expect(await machine()).toMatchObject({ type: 'tiny', vcpus: 1, state: 'running' })
  })
})
