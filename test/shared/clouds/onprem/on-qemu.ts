import { afterAll, beforeAll, describe } from 'vitest'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'

export type Opened = Awaited<ReturnType<typeof openSubject>>

const hypervisor = await findHypervisor()

/** Tests of the provider on two hosts of the qemu driver, `alpha` and `beta`; skipped with the reason where there is no QEMU. `subject` is filled before they run. */
export function onQemu(name: string, tests: (subject: Opened) => void): void {
  const why = 'reason' in hypervisor ? ` (skipped: ${hypervisor.reason})` : ''
  describe.skipIf('reason' in hypervisor)(`${name}${why}`, () => {
    const subject = {} as Opened
    beforeAll(async () => {
      Object.assign(subject, await openSubject())
    })
    afterAll(async () => {
      subject.cloud?.close()
      await subject.loopback?.close()
    })
    tests(subject)
  })
}
