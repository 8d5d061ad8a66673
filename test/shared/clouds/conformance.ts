import { afterAll, beforeAll, describe } from 'vitest'
import { callScope } from '#test/shared/clouds/conformance/calls.ts'
import { disks } from '#test/shared/clouds/conformance/disks.ts'
import { refusals } from '#test/shared/clouds/conformance/refusals.ts'
import { lostReplies } from '#test/shared/clouds/conformance/replies.ts'
import type { Subject } from '#test/shared/clouds/conformance/subject.ts'
import { vms } from '#test/shared/clouds/conformance/vms.ts'

/**
 * What every cloud must hold, told in the port's terms alone. One adapter on one loopback cloud, made by `open`, serves all tests;
 * each cleans up its own job. Both are closed at the end.
 */
export function conformance(name: string, open: () => Promise<Subject>): void {
  describe(`${name} keeps the cloud port's promises`, () => {
    const subject = {} as Subject
    beforeAll(async () => {
      Object.assign(subject, await open())
    })
    afterAll(async () => {
      subject.cloud?.close()
      await subject.loopback?.close()
    })
    vms(subject)
    disks(subject)
    lostReplies(subject)
    callScope(subject)
    refusals(subject)
  })
}

export type { Subject }
