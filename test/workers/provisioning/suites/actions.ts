import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FinishedJob } from '#test/shared/jobs/harness.ts'
import {
  cancel,
  machinesOf,
  startWorld,
  type TestedCloud,
  type World,
} from '#test/workers/provisioning/world.ts'

/** What becomes of a VM that is changed, whatever goes wrong on a cloud. */
export function actions(type: TestedCloud): void {
  describe(`a running VM on ${type}`, () => {
    let world: World
    let vmId: string
    let created: FinishedJob
    beforeAll(async () => {
      world = await startWorld(type)
      const { job, row } = await world.create({ name: 'web-2', tags: { team: 'web' }, storage: 12 })
      vmId = row.id
      created = job
    })
    beforeEach(() => {
      world.cloud.clearFaults()
      world.cloud.clearCalls()
    })
    afterAll(() => world.close())

    test('has the size, the tags and the state that were asked for', async () => {
      const row = await world.row(vmId)
      expect(created).toMatchObject({
        state: 'succeeded',
        output: { cloud_vm_id: row.vm_id, instance_type: world.dialect.medium },
      })
      expect(row).toMatchObject({
        state: 'running',
        instance_type: world.dialect.medium,
        tags: { team: 'web' },
      })
    })

    test('is stopped, started and restarted, and its row says so each time', async () => {
      expect(await world.act('vm.stop', vmId)).toMatchObject({ state: 'succeeded' })
      expect(await world.row(vmId)).toMatchObject({ state: 'stopped' })
      expect(await world.act('vm.start', vmId)).toMatchObject({ state: 'succeeded' })
      expect(await world.row(vmId)).toMatchObject({ state: 'running' })
      expect(await world.act('vm.restart', vmId)).toMatchObject({ state: 'succeeded' })
      expect(world.asked(world.dialect.restart)).toBe(1)
    })

    test('runs again after a stop that was cancelled while the cloud was still at it', async () => {
      world.cloud.inject({ operation: world.dialect.stop, mode: 'delay', delayMs: 100 })
      const jobId = await world.submitAction('vm.stop', vmId)
      await world.askedFor(world.dialect.stop)
      await cancel(world, jobId)
      expect(await world.harness.finished(jobId)).toMatchObject({ state: 'cancelled', residue: [] })
      expect(world.asked(world.dialect.start)).toBe(1)
      expect(await world.row(vmId)).toMatchObject({ state: 'running' })
    })

    test('goes on running when a stop is refused', async () => {
      world.cloud.inject({ operation: world.dialect.stop, mode: 'error', ...world.dialect.forbidden })
      expect(await world.act('vm.stop', vmId)).toMatchObject({
        state: 'failed',
        problem: { code: 'forbidden' },
        residue: [],
      })
      expect(world.asked(world.dialect.start)).toBe(0)
      expect(await world.row(vmId)).toMatchObject({ state: 'running' })
    })

    test('is not asked to start, nor a stopped one to stop', async () => {
      expect(await world.act('vm.start', vmId)).toMatchObject({ state: 'succeeded' })
      expect(world.asked(world.dialect.start)).toBe(0)
      await world.act('vm.stop', vmId)
      expect(await world.act('vm.stop', vmId)).toMatchObject({ state: 'succeeded' })
      expect(world.asked(world.dialect.stop)).toBe(1)
    })

    test('once stopped is stopped again after a start that was cancelled, and refuses a restart', async () => {
      world.cloud.inject({ operation: world.dialect.start, mode: 'delay', delayMs: 100 })
      const jobId = await world.submitAction('vm.start', vmId)
      await world.askedFor(world.dialect.start)
      await cancel(world, jobId)
      expect(await world.harness.finished(jobId)).toMatchObject({ state: 'cancelled', residue: [] })
      expect(await world.row(vmId)).toMatchObject({ state: 'stopped' })
      expect(await world.act('vm.restart', vmId)).toMatchObject({
        state: 'failed',
        problem: { code: 'vm_state' },
      })
      await world.act('vm.start', vmId)
    })

    test('is restarted once, also by a step that had to be tried again after it', async () => {
      const { get, restart } = world.dialect
      world.cloud.inject({
        operation: get,
        mode: 'error',
        skip: 2,
        times: 4,
        code: 'InternalError',
        status: 500,
      })
      expect(await world.act('vm.restart', vmId)).toMatchObject({ state: 'succeeded' })
      expect(world.asked(restart)).toBe(1)
    })

    test('stays as it is when its deletion is refused', async () => {
      world.cloud.inject({ operation: world.dialect.remove, mode: 'error', ...world.dialect.forbidden })
      expect(await world.act('vm.delete', vmId)).toMatchObject({
        state: 'failed',
        problem: { code: 'forbidden' },
        residue: [],
      })
      expect(await world.row(vmId)).toMatchObject({ state: 'running' })
      expect(machinesOf(world, created.id)).toHaveLength(1)
    })

    test('is deleted to its end when the deletion is cancelled too late, which is listed as residue', async () => {
      world.cloud.inject({ operation: world.dialect.remove, mode: 'delay', delayMs: 100 })
      const jobId = await world.submitAction('vm.delete', vmId)
      await world.askedFor(world.dialect.remove)
      await cancel(world, jobId)
      expect(await world.harness.finished(jobId)).toMatchObject({
        state: 'cancelled',
        residue: [{ step: 'delete', problem: { code: 'irreversible' } }],
      })
      expect(await world.row(vmId)).toMatchObject({ state: 'terminated' })
      expect(world.residueOf(created.id)).toEqual([])
    })

    test('is deleted with all that belongs to it', async () => {
      const { job, row } = await world.create()
      expect(await world.act('vm.delete', row.id)).toMatchObject({ state: 'succeeded', residue: [] })
      expect(await world.row(row.id)).toMatchObject({
        state: 'terminated',
        deleted_at: expect.any(Date) as unknown,
      })
      expect(world.residueOf(job.id)).toEqual([])
    })

    test('that was deleted by somebody else is found gone when it is deleted', async () => {
      const { row } = await world.create()
      await world.act('vm.delete', row.id)
      await world.harness.db.query(
        `update multicloud_vms set state = 'running', deleted_at = null where id = $1`,
        [row.id],
      )
      expect(await world.act('vm.stop', row.id)).toMatchObject({
        state: 'failed',
        problem: { code: 'not_found' },
      })
      expect(await world.act('vm.delete', row.id)).toMatchObject({ state: 'succeeded' })
      expect(await world.row(row.id)).toMatchObject({ state: 'terminated' })
    })
  })
}
