import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { dieAndTakeUp, scenes } from '#test/shared/clouds/onprem/crash/lab.ts'
import { runWorker } from '#test/shared/clouds/onprem/crash/worker.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'

const hypervisor = await findHypervisor()

describe.skipIf('reason' in hypervisor)(
  `on-premise workers die at every call${'reason' in hypervisor ? ` (${hypervisor.reason})` : ''}`,
  () => {
    let subject: Awaited<ReturnType<typeof openSubject>>
    beforeAll(async () => {
      subject = await openSubject()
    })
    afterAll(async () => {
      subject?.cloud.close()
      await subject?.loopback.close()
    })

    test.for(scenes)(
      'of $work, before and after it: the next one finishes it once',
      { timeout: 600_000 },
      async (scene) => {
        const { request, finish } = await scene.prepare(subject)
        const { calls } = await runWorker({ settings: subject.settings, work: scene.work, request })
        await finish()
        expect(calls.length).toBeGreaterThan(2)
        for (const index of calls.keys())
          for (const when of ['before', 'after'] as const)
            await dieAndTakeUp(subject, scene, { call: index + 1, when }).catch((error: unknown) => {
              throw new Error(`died ${when} call ${index + 1}, ${calls[index]}`, { cause: error })
            })
      },
    )
  },
)
