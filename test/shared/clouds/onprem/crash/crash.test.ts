import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { dieAndTakeUp, scenes } from '#test/shared/clouds/onprem/crash/lab.ts'
import type { Death } from '#test/shared/clouds/onprem/crash/worker.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'

const hypervisor = await findHypervisor()

/** One point of each in the middle; crash.sweep.ts goes through all. */
const points: Record<string, Death> = {
  create: { call: 'cont', when: 'before' },
  snapshot: { call: 'transaction', when: 'after' },
}

describe.skipIf('reason' in hypervisor)(
  `on-premise workers die${'reason' in hypervisor ? ` (${hypervisor.reason})` : ''}`,
  () => {
    let subject: Awaited<ReturnType<typeof openSubject>>
    beforeAll(async () => {
      subject = await openSubject()
    })
    afterAll(async () => {
      subject?.cloud.close()
      await subject?.loopback.close()
    })

    test.for(Object.keys(points))(
      'in the middle of %s: the next one finishes it once, and nothing is left over',
      async (work) => {
        const scene = scenes.find((each) => each.work === work)
        const death = points[work]
        if (!scene || !death) throw new Error(`there is no scene ${work}`)
        await dieAndTakeUp(subject, scene, death)
        expect(subject.loopback.residue().filter(({ kind }) => kind === 'vm')).toEqual([])
      },
    )
  },
)
