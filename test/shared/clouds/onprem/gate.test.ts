import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createGate, HostError } from '#shared/clouds/onprem/gate.ts'
import { createCallWatch } from '#shared/clouds/watch.ts'

test('what a driver throws at once is an error as any other, and nobody goes on waiting for an answer', async () => {
  const gate = createGate({
    host: 'alpha',
    rules: [],
    watch: createCallWatch({ absorbMs: 0 }),
    requestTimeoutMs: 20,
  })
  const call = gate({ operation: 'qemu-img info', mutating: false }, () => {
    throw new HostError('not_found', 'there is no pool fast')
  })
  await expect(call).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringContaining('fast') as string,
  })
  // An answer that is waited for in vain would be an unhandled rejection, which ends a worker.
  const unhandled: unknown[] = []
  const note = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  await delay(60)
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})
