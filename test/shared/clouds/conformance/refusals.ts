import { describe, expect, test } from 'vitest'
import type { CloudError } from '#shared/clouds/errors.ts'
import {
  intentOf,
  newJob,
  removeAll,
  rootOf,
  runVm,
  untilGone,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'

/** What a cloud refuses, and what it knows to be ours. `subject` is filled before the tests run. */
export function refusals(subject: Subject): void {
  describe('refusals', () => {
    test('what does not exist is undefined, and deleting it is fine', async () => {
      const { cloud } = subject
      const job = newJob()
      const vm = await runVm(subject, job)
      await cloud.compute.delete(vm)
      await untilGone(cloud, vm)
      await cloud.compute.delete(vm)
      await cloud.inventory.remove({ ...vm, kind: 'vm', tags: {} })
      expect(await cloud.compute.consoleOutput(vm).catch(() => undefined)).toBeUndefined()
      await expect(cloud.compute.start(vm)).rejects.toMatchObject({ name: 'CloudError', kind: 'permanent' })
    })

    test('too many calls are an error that says when to come back, and uses up no attempt', async () => {
      subject.loopback.inject({ operation: '*', mode: 'error', times: 50, ...subject.dialect.throttled })
      const refusal = await subject.cloud.identity.validate().catch((error: unknown) => error)
      subject.loopback.clearFaults()
      expect(refusal).toMatchObject({
        code: 'throttled',
        kind: 'throttled',
        retryable: true,
        vendorCode: subject.dialect.throttled.code,
      })
      expect((refusal as CloudError).retryAfterMs).toBeGreaterThan(0)
    })

    test('no room is told apart from a mistake, and leaves nothing behind', async () => {
      const job = newJob()
      const { capacity, createVmOperation, instanceType } = subject.dialect
      subject.loopback.inject({ operation: createVmOperation, mode: 'error', times: 50, ...capacity })
      const refusal = await subject.cloud.compute
        .create({
          ...intentOf(job),
          region: subject.region,
          name: 'no-room',
          instanceType,
          boot: { image: undefined },
        })
        .catch((error: unknown) => error)
      subject.loopback.clearFaults()
      expect(refusal).toMatchObject({ code: 'capacity', kind: 'capacity' })
      expect(['account', 'region', 'zone', 'type']).toContain((refusal as CloudError).scope)
      await removeAll(subject, job)
    })
  })

  describe('the inventory', () => {
    test('lists all of a job and nothing of another, in an order in which it can be removed', async () => {
      const { cloud, region } = subject
      const [job, other] = [newJob(), newJob()]
      const vm = await runVm(subject, job)
      await cloud.disks.createSnapshot({ ...intentOf(job), vm, disk: rootOf(vm) })
      const stranger = await runVm(subject, other)
      const owned = []
      for await (const resource of cloud.inventory.owned({ region, tags: { 'novacron-job': job } }))
        owned.push(resource)
      expect(owned.map((resource) => resource.id)).toContain(vm.id)
      expect(owned.map((resource) => resource.kind)).toEqual(
        expect.arrayContaining(['vm', 'snapshot', 'disk']),
      )
      for (const resource of owned) expect(resource.tags['novacron-job']).toBe(job)
      await removeAll(subject, job)
      expect((await cloud.compute.get(stranger))?.state).toBe('running')
      await removeAll(subject, other)
    })
  })
}
