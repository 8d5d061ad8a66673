import { expect } from 'vitest'
import { openSite } from '#shared/clouds/onprem/hosts.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { Opened } from '#test/shared/clouds/onprem/on-qemu.ts'
import { qemuHostOf } from '#test/shared/clouds/onprem/qemu/subject.ts'

/** What a running VM is by its record, by its spec and by its machine, of the same size all; and what it was started with room for. */
export async function sizeOf({ settings }: Pick<Opened, 'settings'>, { region, id }: CloudRef) {
  const site = await openSite(parseOnPremSettings(settings))
  try {
    const found = await site.find('vm', id, region)
    if (!found) throw new Error(`there is no VM ${id}`)
    const { body, host } = found
    const spec = await host.machines.spec(id)
    const seen = await qemuHostOf(site, host.name).monitor(id, async (monitor) => {
      const cpus = await monitor.execute<unknown[]>('query-cpus-fast')
      const memory = await monitor.execute<{ 'base-memory': number; 'plugged-memory'?: number }>(
        'query-memory-size-summary',
      )
      return {
        vcpus: cpus.length,
        memoryMib: (memory['base-memory'] + (memory['plugged-memory'] ?? 0)) / 2 ** 20,
      }
    })
    expect([spec?.vcpus, spec?.memoryMib, body.resizing]).toEqual([seen.vcpus, seen.memoryMib, undefined])
    expect([body.vcpus, body.memoryMib]).toEqual([seen.vcpus, seen.memoryMib])
    return { ...seen, type: body.instanceType, maxVcpus: spec?.maxVcpus, maxMemoryMib: spec?.maxMemoryMib }
  } finally {
    site.close()
  }
}
