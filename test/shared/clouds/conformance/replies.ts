import { afterAll, describe, expect, test } from 'vitest'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef, Intent } from '#shared/clouds/port.ts'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  rootOf,
  runVm,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'

const gibibyte = 2 ** 30

/** A reply that is lost makes nothing twice. `subject` is filled before the tests run. */
export function lostReplies(subject: Subject): void {
  describe('lost replies', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    /** Names of the changing calls that `work` makes, in order and without repeats. */
    const changesOf = async (work: () => Promise<unknown>): Promise<string[]> => {
      const before = subject.loopback.calls().length
      await work()
      const made = subject.loopback.calls().slice(before)
      return [...new Set(made.filter((call) => call.mutating).map((call) => call.operation))]
    }
    /** As the runner does: tries again what is worth trying again, as a new intent never would. */
    const insist = async <T>(work: () => Promise<T>): Promise<T> => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await work()
        } catch (error) {
          if (attempt === 5 || !(error instanceof CloudError && error.retryable)) throw error
        }
      }
    }
    /** Does `make` once plainly, then once for each of its changing calls with that call's reply lost. Each time one thing comes of it. */
    const survives = async (make: (intent: Intent) => Promise<CloudRef>, repeats: number) => {
      const plain = newJob()
      const changes = await changesOf(() => make(intentOf(plain)))
      expect(changes.length).toBeGreaterThan(0)
      const expected = kindsOf(plain)
      await removeAll(subject, plain)
      for (const operation of changes) {
        const lossy = newJob()
        const intent = intentOf(lossy)
        subject.loopback.inject({ operation, mode: 'drop_reply', times: repeats })
        const made = await insist(() => make(intent))
        subject.loopback.clearFaults()
        expect((await make(intent)).id, `after a lost reply to ${operation}`).toBe(made.id)
        expect(kindsOf(lossy), `after a lost reply to ${operation}`).toEqual(expected)
        await removeAll(subject, lossy)
      }
    }
    const kindsOf = (of: string) =>
      residueOf(subject.loopback, of)
        .map(({ kind }) => kind)
        .toSorted()

    test.for([1, 3])('make no second VM (%i in a row)', async (repeats) => {
      await survives(
        (intent) =>
          subject.cloud.compute.create({
            ...intent,
            region: subject.region,
            name: 'once',
            instanceType: subject.dialect.instanceType,
            boot: { image: undefined },
          }),
        repeats,
      )
    })

    test.for([1, 3])('make no second disk (%i in a row)', async (repeats) => {
      await survives(
        (intent) =>
          subject.cloud.disks.createDisk({
            ...intent,
            region: subject.region,
            name: 'once',
            sizeBytes: gibibyte,
            firmware: 'bios',
            architecture: 'x86_64',
          }),
        repeats,
      )
    })

    test.for([1, 3])('make no second snapshot (%i in a row)', async (repeats) => {
      const vm = await runVm(subject, job)
      await survives(
        (intent) => subject.cloud.disks.createSnapshot({ ...intent, vm, disk: rootOf(vm) }),
        repeats,
      )
    })
  })
}
