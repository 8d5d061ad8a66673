import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  cancel,
  machinesOf,
  startWorld,
  type TestedCloud,
  type World,
} from '#test/workers/provisioning/world.ts'

/** What becomes of a creation, whatever goes wrong on a cloud. */
export function creations(type: TestedCloud): void {
  describe(`on ${type}`, () => {
    let world: World
    beforeAll(async () => {
      world = await startWorld(type)
    })
    beforeEach(() => {
      world.cloud.clearFaults()
      world.cloud.clearCalls()
    })
    afterAll(() => world.close())

    test('a creation whose reply is lost makes one VM', async () => {
      world.cloud.inject({ operation: world.dialect.create, mode: 'drop_reply' })
      const { job, row } = await world.create()
      expect(job).toMatchObject({ state: 'succeeded' })
      expect(machinesOf(world, job.id)).toHaveLength(1)
      expect(row.state).toBe('running')
    })

    test('a creation whose reply is lost and which is then refused leaves nothing', async () => {
      const { create, forbidden } = world.dialect
      world.cloud.inject({ operation: create, mode: 'drop_reply' })
      // Whoever repeats the call is refused for good.
      world.cloud.inject({ operation: create, mode: 'error', times: 3, ...forbidden })
      const { job, row } = await world.create()
      expect(job).toMatchObject({ state: 'failed', problem: { code: 'forbidden' }, residue: [] })
      expect(world.residueOf(job.id)).toEqual([])
      expect(row).toMatchObject({ state: 'terminated', deleted_at: expect.any(Date) as unknown })
    })

    test('a creation that is refused for good leaves nothing and says why', async () => {
      world.cloud.inject({ operation: world.dialect.create, mode: 'error', ...world.dialect.forbidden })
      const { job, row } = await world.create()
      expect(job).toMatchObject({
        state: 'failed',
        problem: { code: 'forbidden', step: 'create', vendor_code: world.dialect.forbidden.code },
        residue: [],
      })
      expect(world.residueOf(job.id)).toEqual([])
      expect(row).toMatchObject({ state: 'terminated' })
    })

    test('a creation that is cancelled while the cloud is still at it leaves nothing, although the VM appears later', async () => {
      world.cloud.inject({ operation: world.dialect.create, mode: 'delay', delayMs: 150 })
      const { jobId, vmId } = await world.submitCreate()
      await world.askedFor(world.dialect.create)
      await cancel(world, jobId)
      const job = await world.harness.finished(jobId)
      expect(job).toMatchObject({ state: 'cancelled', residue: [] })
      // The cloud got to it after all: it made the VM, or (Azure) found the VM's interface gone already.
      const asked = world.cloud.calls().find(({ operation }) => operation === world.dialect.create)
      expect([200, 201, 404]).toContain(asked?.status)
      expect(world.residueOf(jobId)).toEqual([])
      expect(await world.row(vmId)).toMatchObject({ state: 'terminated' })
    })

    test('a creation that goes from one worker to another while the cloud is still at it makes one VM', async () => {
      world.cloud.inject({ operation: world.dialect.create, mode: 'hold' })
      const { jobId, vmId } = await world.submitCreate()
      await world.askedFor(world.dialect.create)
      await world.replaceWorker()
      world.cloud.clearFaults()
      expect(await world.harness.finished(jobId)).toMatchObject({ state: 'succeeded' })
      expect((await world.harness.events(jobId)).map((event) => event.type)).toContain('step.handed_back')
      expect(machinesOf(world, jobId)).toHaveLength(1)
      expect(await world.row(vmId)).toMatchObject({ state: 'running' })
    })

    test('a size that the cloud does not have is refused with what there is, before anything is made', async () => {
      const { job, row } = await world.create({ instance_type: 'no-such.size' })
      expect(job.problem).toMatchObject({
        code: 'size_unknown',
        step: 'resolve',
        remedy: expect.stringContaining('medium') as unknown,
      })
      expect(row).toMatchObject({ state: 'terminated' })
      expect(world.asked(world.dialect.create)).toBe(0)
    })

    test('vCPUs and memory are turned into a size of the cloud', async () => {
      const { row } = await world.create({ instance_type: undefined as never, cpu: 2, memory: 4096 })
      expect(row).toMatchObject({ state: 'running', instance_type: world.dialect.medium })
    })
  })

  /** Here a new VM stays pending for longer than any test takes. */
  describe(`on ${type}, while a new VM does not come up`, () => {
    let world: World
    beforeAll(async () => {
      world = await startWorld(type, { pendingMs: 60_000 })
    })
    afterAll(() => world.close())

    test('a creation that is refused a look at the VM leaves nothing and says why', async () => {
      const { jobId, vmId } = await world.submitCreate()
      await world.begun(jobId, 'await_running')
      expect(await world.row(vmId)).toMatchObject({ state: 'pending', vm_id: expect.any(String) as unknown })
      world.cloud.inject({ operation: world.dialect.get, mode: 'error', ...world.dialect.forbidden })
      const job = await world.harness.finished(jobId)
      expect(job).toMatchObject({ state: 'failed', problem: { step: 'await_running' }, residue: [] })
      expect(world.residueOf(jobId)).toEqual([])
      expect(await world.row(vmId)).toMatchObject({ state: 'terminated' })
    })

    test('a creation that is cancelled leaves nothing', async () => {
      const { jobId } = await world.submitCreate()
      await world.begun(jobId, 'await_running')
      await cancel(world, jobId)
      expect(await world.harness.finished(jobId)).toMatchObject({ state: 'cancelled', residue: [] })
      expect(world.residueOf(jobId)).toEqual([])
    })

    test('what a failed creation could not take back is listed, and goes when the VM is deleted', async () => {
      const { remove, forbidden } = world.dialect
      const { jobId, vmId } = await world.submitCreate()
      await world.begun(jobId, 'await_running')
      world.cloud.inject({ operation: remove, mode: 'error', ...forbidden })
      await cancel(world, jobId)
      expect(await world.harness.finished(jobId)).toMatchObject({
        state: 'cancelled',
        residue: [{ step: 'create', problem: { code: 'forbidden' } }],
      })
      expect(await world.row(vmId)).toMatchObject({ state: 'error' })
      expect(machinesOf(world, jobId)).toHaveLength(1)
      expect(await world.act('vm.delete', vmId)).toMatchObject({ state: 'succeeded' })
      expect(world.residueOf(jobId)).toEqual([])
      expect(await world.row(vmId)).toMatchObject({ state: 'terminated' })
    })
  })
}
