import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { withCallScope } from '#shared/clouds/scope.ts'
import { digest, intentOf, newJob, removeAll, type Subject } from '#test/shared/clouds/conformance/subject.ts'

const gibibyte = 2 ** 30

/** Who may call, how long, and under which name. `subject` is filled before the tests run. */
export function callScope(subject: Subject): void {
  describe('the scope of a call', () => {
    const refused = new Error('this worker lost its step')

    test('no request leaves a worker that lost its step, and it gets its own error back', async () => {
      const { cloud, region, loopback, dialect } = subject
      const ref = { region, id: 'of-no-matter' }
      const intent = intentOf(newJob())
      const create = {
        ...intent,
        region,
        name: 'never',
        instanceType: dialect.instanceType,
        boot: { image: undefined },
      }
      const before = loopback.calls().length
      const scope = {
        signal: new AbortController().signal,
        beforeCall: () => {
          throw refused
        },
      }
      const calls: (() => Promise<unknown>)[] = [
        () => cloud.identity.validate(),
        () => cloud.compute.create(create),
        () => cloud.compute.get(ref),
        () => cloud.compute.stop(ref),
        () => cloud.compute.delete(ref),
        () => cloud.disks.deleteSnapshot(ref),
        () => cloud.disks.deleteDisk(ref),
        () => Array.fromAsync(cloud.disks.listSnapshots({ region })),
        () => Array.fromAsync(cloud.images.list({ region })),
        () => Array.fromAsync(cloud.networks.list({ region })),
        () => cloud.networks.create({ ...intent, region, name: 'never', cidr: '10.0.0.0/16' }),
        () => cloud.networks.addresses.create({ ...intent, region, name: 'never' }),
        () => Array.fromAsync(cloud.storage.volumes.list({ region })),
        () => Array.fromAsync(cloud.storage.buckets.list({ region })),
        () => Array.fromAsync(cloud.inventory.owned({ region, tags: intent.tags })),
        () => cloud.quotas.list(region),
        () => Array.fromAsync(cloud.prices.list({ region, skus: [dialect.instanceType] })),
        () => Array.fromAsync(cloud.posture.inventory({ region })),
      ]
      for (const call of calls) {
        await expect(withCallScope(scope, call)).rejects.toBe(refused)
      }
      expect(loopback.calls().length).toBe(before)
    })

    test('an open disk is bound by the scope of each write', async () => {
      const job = newJob()
      const disk = await subject.cloud.disks.createDisk({
        ...intentOf(job),
        region: subject.region,
        name: 'guarded',
        sizeBytes: gibibyte,
        firmware: 'bios',
        architecture: 'x86_64',
      })
      const sink = await subject.cloud.disks.openDiskForWrite(disk)
      const before = subject.loopback.calls().length
      const scope = {
        signal: new AbortController().signal,
        beforeCall: () => {
          throw refused
        },
      }
      const data = randomBytes(sink.preferredChunkBytes)
      const write = () => sink.write({ offset: 0, data, sha256: digest(data) })
      await expect(withCallScope(scope, write)).rejects.toBe(refused)
      expect(subject.loopback.calls().length).toBe(before)
      await removeAll(subject, job)
    })

    test('a cancelled step ends a hanging call with its own reason', async () => {
      const reason = new Error('cancelled by the user')
      const cancel = new AbortController()
      subject.loopback.inject({ operation: '*', mode: 'hang' })
      const call = withCallScope({ signal: cancel.signal, beforeCall: () => {} }, () =>
        subject.cloud.identity.validate(),
      )
      setTimeout(() => cancel.abort(reason), 50)
      await expect(call).rejects.toBe(reason)
      subject.loopback.clearFaults()
    })

    test('every call names its worker', async () => {
      subject.loopback.clearCalls()
      await subject.cloud.identity.validate()
      for (const call of subject.loopback.calls()) {
        expect(call.userAgent).toContain('novacron')
        expect(call.userAgent).toContain(subject.workerId)
      }
    })
  })
}
