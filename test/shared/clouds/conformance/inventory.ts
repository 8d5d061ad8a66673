import { describe, expect, test } from 'vitest'
import type { OwnedResource } from '#shared/clouds/port.ts'
import { creators } from '#test/shared/clouds/conformance/creators.ts'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  runVm,
  until,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { can, insist } from '#test/shared/clouds/conformance/things.ts'

const kinds = ['vm', 'disk', 'snapshot', 'image', 'network', 'subnet', 'security_group', 'address', 'bucket']

/** What is known to be ours. `subject` is filled before the tests run. */
export function inventory(subject: Subject): void {
  describe('the inventory', () => {
    const owned = (job: string): Promise<OwnedResource[]> =>
      Array.fromAsync(
        subject.cloud.inventory.owned({ region: subject.region, tags: { 'novacron-job': job } }),
      )

    test('lists every kind of thing that a job made, and removing in its order works', async () => {
      const job = newJob()
      for (const { operation, prepare, finish } of creators) {
        if (!can(subject, operation)) continue
        const make = await prepare(subject, job)
        const made = await make(intentOf(job))
        await finish?.(subject, made)
      }
      const left = () => residueOf(subject.loopback, job)
      const found = await until('every kind of it to be found', async () => {
        const all = await owned(job)
        const missing = kinds.filter((kind) => !all.some((each) => each.kind === kind))
        return missing.length === 0 && all.length >= left().length && all
      })
      expect(new Set(found.map(({ kind, id }) => `${kind} ${id}`)).size).toBe(found.length)
      for (const { tags } of found) expect(tags['novacron-job']).toBe(job)
      for (const resource of found) await insist(() => subject.cloud.inventory.remove(resource))
      await until('nothing to be left', async () => left().length === 0)
      for (const resource of found) await subject.cloud.inventory.remove(resource)
    })

    test('keeps to one job', async () => {
      const { cloud } = subject
      const [job, other] = [newJob(), newJob()]
      const [vm, stranger] = [await runVm(subject, job), await runVm(subject, other)]
      expect((await owned(job)).map(({ id }) => id)).toContain(vm.id)
      await removeAll(subject, job)
      expect((await cloud.compute.get(stranger))?.state).toBe('running')
      expect((await owned(other)).map(({ id }) => id)).toContain(stranger.id)
      await removeAll(subject, other)
    })
  })
}
