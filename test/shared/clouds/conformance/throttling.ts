import { afterAll, describe, expect, test } from 'vitest'
import type { Cloud } from '#shared/clouds/port.ts'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  runVm,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import { changesOf, refusalOf, vmRequest, withFault } from '#test/shared/clouds/conformance/things.ts'

/** A cloud that says "too many" is waited for, within limits. `subject` is filled before the tests run. */
export function throttling(subject: Subject): void {
  describe('throttling', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))
    const withPatience = async <T>(
      throttleWaitMs: number,
      work: (cloud: Cloud) => Promise<T>,
    ): Promise<T> => {
      const cloud = await subject.reopen({ options: { throttle_wait_ms: throttleWaitMs } })
      try {
        return await work(cloud)
      } finally {
        cloud.close()
      }
    }
    /** The cloud refuses the calls after the first `skip`, `times` of them, and says that they may come again at once. */
    const briefly = (skip: number, times: number) =>
      ({
        operation: '*',
        mode: 'error',
        skip,
        times,
        ...subject.dialect.throttled,
        retryAfterSeconds: 0,
      }) as const

    test('in the middle of a list it goes unnoticed', async () => {
      const { region } = subject
      const vm = await runVm(subject, job)
      const listed = await withPatience(10_000, async (cloud) => {
        await cloud.identity.validate()
        return withFault(subject, briefly(1, 1), () => Array.fromAsync(cloud.compute.list({ region })))
      })
      expect(listed.filter(({ id }) => id === vm.id)).toHaveLength(1)
    })

    test('in the middle of making something it goes unnoticed, and one thing comes of it', async () => {
      const own = newJob()
      await withPatience(10_000, async (cloud) => {
        await cloud.identity.validate()
        const create = () =>
          cloud.networks.addresses.create({ ...intentOf(own), region: subject.region, name: 'patient' })
        const changes = await changesOf(subject, create)
        expect(changes.length).toBeGreaterThan(0)
        for (const operation of changes) await withFault(subject, { ...briefly(0, 2), operation }, create)
        expect(residueOf(subject.loopback, own)).toHaveLength(1 + changes.length)
      })
      await removeAll(subject, own)
    })

    test('what lasts longer than a worker waits is an error that says when to come back', async () => {
      const lasting = { ...briefly(0, 1000), retryAfterSeconds: 1 }
      const own = newJob()
      const [read, write] = await withPatience(150, async (cloud) => {
        await cloud.identity.validate()
        return withFault(subject, lasting, async () => [
          await refusalOf(() => cloud.identity.regions()),
          await refusalOf(() => cloud.compute.create(vmRequest(subject, own))),
        ])
      })
      for (const error of [read, write]) {
        expect(error).toMatchObject({
          code: 'throttled',
          kind: 'throttled',
          retryable: true,
          vendorCode: subject.dialect.throttled.code,
        })
        expect(error?.retryAfterMs).toBeGreaterThan(0)
      }
      expect(residueOf(subject.loopback, own)).toEqual([])
    })
  })
}
