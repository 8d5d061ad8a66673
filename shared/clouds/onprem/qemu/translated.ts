import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'

/** Refusals that are found before a call become CloudErrors like those that a call brings: by the gate. */
export function translated<T extends object>({ gate }: Pick<QemuHost, 'gate'>, part: T): T {
  const entries = Object.entries(part).map(([name, method]: [string, unknown]): [string, unknown] => {
    if (typeof method !== 'function') return [name, method]
    const call = method as (...args: unknown[]) => unknown
    const guarded = async (...args: unknown[]): Promise<unknown> => {
      try {
        return await call(...args)
      } catch (error) {
        if (!(error instanceof HostError)) throw error
        return await gate({ operation: name, mutating: false, unsent: true }, () => Promise.reject(error))
      }
    }
    return [name, guarded]
  })
  return Object.fromEntries(entries) as T
}
