import { describe, expect, test } from 'vitest'
import type { CloudError } from '#shared/clouds/errors.ts'
import {
  intentOf,
  newJob,
  removeAll,
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
}
