import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { pause } from '#shared/clouds/scope.ts'
import { tryLock } from '#shared/services/lock.ts'

/**
 * Runs `work` while no other process does so for the same machine. The kernel holds the lock, so that it ends with its holder. What guards
 * against a second QEMU is another: QEMU's own lock on its pid file.
 * @throws HostError `conflict` if it is held for longer than a call may be silent.
 */
export async function withLock<T>(host: QemuHost, id: string, work: () => Promise<T>): Promise<T> {
  const { lock: path } = host.layout.machine(id)
  const untilMs = performance.now() + host.context.requestTimeoutMs
  for (;;) {
    const lock = tryLock(path, 'exclusive')
    if (lock) {
      try {
        return await work()
      } finally {
        lock.release()
      }
    }
    if (performance.now() > untilMs)
      throw new HostError('conflict', `machine ${id} is being changed by another worker`)
    await pause(pollMs)
  }
}

const pollMs = 10
