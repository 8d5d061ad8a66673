import { spawnSync } from 'node:child_process'
import { openOnPremise } from '#shared/clouds/onprem/onprem.ts'
import type { HostCall } from '#shared/clouds/onprem/gate.ts'
import type { Death, Task } from '#test/shared/clouds/onprem/crash/worker.ts'

/** A worker in a process of its own that does one thing, and dies as told. The task comes in by the environment. */
const { settings, work, request, death } = JSON.parse(process.env['TASK'] ?? '{}') as Task

let calls = 0
const isDue = (at: Death, made: HostCall & { host: string }): boolean => {
  if (made.mutating) calls += 1
  if (typeof at.call === 'number') return made.mutating && calls === at.call
  const { operation, host, resource = '' } = made
  return operation === at.call && host === (at.host ?? host) && resource.startsWith(at.resource ?? '')
}
const die = (): Promise<never> => {
  if (death?.alone === false) killChildren()
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

const cloud = await openOnPremise(settings, {
  async intercept(call, send) {
    const { operation, mutating } = call
    const due = death !== undefined && isDue(death, call)
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
  resize: () => cloud.compute.resize(request as { region: string; id: string }, 'tiny-3', { live: true }),
  relocate: () =>
    cloud.hosts.relocate(request as { region: string; id: string }, { zone: 'beta', maxDowntimeMs: 20_000 }),
}
/** Its guard, which would outlive it. */
function killChildren(): void {
  for (const pid of spawnSync('pgrep', ['-P', `${process.pid}`, '-f', 'guard-process'])
    .stdout.toString()
    .split('\n'))
    if (pid !== '') process.kill(Number(pid), 'SIGKILL')
}

await works[work]()
cloud.close()
process.exit(0)
