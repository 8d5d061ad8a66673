import { openOnPremise } from '#shared/clouds/onprem/onprem.ts'
import type { Death, Task } from '#test/shared/clouds/onprem/crash/worker.ts'

/** A worker in a process of its own that does one thing, and dies as told. The task comes in by the environment. */
const { settings, work, request, death } = JSON.parse(process.env['TASK'] ?? '{}') as Task

let calls = 0
const isDue = ({ call }: Death, operation: string, mutating: boolean): boolean => {
  if (mutating) calls += 1
  return typeof call === 'number' ? mutating && calls === call : operation === call
}
const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

const cloud = await openOnPremise(settings, {
  async intercept({ operation, mutating }, send) {
    const due = death !== undefined && isDue(death, operation, mutating)
    if (due && death.when === 'before') return die()
    const answer = await send()
    if (mutating && death === undefined) process.stdout.write(`${operation}\n`)
    return due ? die() : answer
  },
})
const works: Record<Task['work'], () => Promise<unknown>> = {
  create: () => cloud.compute.create(request as Parameters<typeof cloud.compute.create>[0]),
  delete: () => cloud.compute.delete(request as Parameters<typeof cloud.compute.delete>[0]),
  snapshot: () => cloud.disks.createSnapshot(request as Parameters<typeof cloud.disks.createSnapshot>[0]),
  attach: () => {
    const { volume, vm } = request as Record<'volume' | 'vm', { region: string; id: string }>
    return cloud.storage.volumes.attach(volume, vm)
  },
  relocate: () => cloud.hosts.relocate(request as { region: string; id: string }, { zone: 'beta' }),
}
await works[work]()
cloud.close()
process.exit(0)
