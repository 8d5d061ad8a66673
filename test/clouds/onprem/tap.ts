import { setTimeout as delay } from 'node:timers/promises'
import { HostError, type HostCall, type Interceptor } from '#shared/clouds/onprem/gate.ts'
import { createCallLog } from '#test/clouds/core/calls.ts'
import { createFaults } from '#test/clouds/core/faults.ts'
import type { Fault, LoopbackCloud } from '#test/clouds/core/types.ts'

/** What stands between the on-premise provider and its hypervisors in tests: it logs every call, and breaks those that it is told to. */
export interface Tap extends Pick<LoopbackCloud, 'inject' | 'clearFaults' | 'calls' | 'clearCalls'> {
  /** For `openOnPremise`; calls are logged under this worker's name. */
  interceptorFor(workerId: string): Interceptor
}

export function createTap(): Tap {
  const faults = createFaults()
  const log = createCallLog()
  return {
    inject: faults.inject,
    clearFaults: faults.clear,
    calls: log.list,
    clearCalls: log.clear,
    interceptorFor: (workerId) => async (call, send) => {
      const { operation, mutating, resource } = call
      const userAgent = `novacron (${workerId})`
      const entry = log.record({ operation, mutating, userAgent, begunAtMs: Date.now(), resource })
      const fault = faults.take(operation)
      if (fault?.mode === 'hold') await faults.cleared()
      if (fault?.mode === 'delay') await delay(fault.delayMs ?? 1000)
      if (fault?.mode === 'hang') return new Promise<never>(() => undefined)
      if (fault?.mode === 'error') {
        entry.status = fault.status ?? 500
        throw new HostError(fault.code ?? 'internal', `refused by the test with ${fault.code}`)
      }
      const answer = await carryOut(call, send, fault).finally(() => {
        entry.doneAtMs = Date.now()
      })
      if (fault?.mode === 'drop_reply') throw new HostError('connection_lost', 'the connection was cut')
      entry.status = 200
      return answer
    },
  }
}

async function carryOut<T>(
  { payload }: HostCall,
  send: () => Promise<T>,
  fault: Fault | undefined,
): Promise<T> {
  if (fault?.mode === 'corrupt_stored' && payload) {
    flip(payload)
    try {
      return await send()
    } finally {
      flip(payload)
    }
  }
  const answer = await send()
  if (fault?.mode === 'corrupt_read' && Buffer.isBuffer(answer)) flip(answer)
  return answer
}

const flip = (bytes: Buffer): void => {
  if (bytes.length > 0) bytes.writeUInt8(bytes.readUInt8(0) ^ 0xff, 0)
}
