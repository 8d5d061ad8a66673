import { instanceTypes } from '#test/clouds/aws/catalog.ts'
import type { JsonScene } from '#test/clouds/aws/json/service.ts'
import type { World } from '#test/clouds/aws/world.ts'

/** vCPUs that run in a region in a class of AWS/Usage such as `Standard/OnDemand`; undefined for what is not counted. */
export function vcpusInUse({ region }: JsonScene, dimensions: Record<string, string>): number | undefined {
  if (dimensions['Service'] !== 'EC2' || dimensions['Resource'] !== 'vCPU') return undefined
  const wanted = dimensions['Class']
  const running = [...region.instances.values()].filter((instance) =>
    ['pending', 'running'].includes(instance.life.state()),
  )
  return running
    .filter(({ type, spot }) => `${classOf(type)}/${spot ? 'Spot' : 'OnDemand'}` === wanted)
    .reduce((sum, { type }) => sum + (instanceTypes.find(({ name }) => name === type)?.vcpus ?? 0), 0)
}

/** Families by the first letters of their types: "Amazon EC2 service quotas". */
export function classOf(type: string): string {
  if (/^(g|vt)\d/.test(type)) return 'G'
  if (/^p\d/.test(type)) return 'P'
  if (type.startsWith('inf')) return 'Inf'
  if (type.startsWith('trn')) return 'Trn'
  if (/^x\d/.test(type)) return 'X'
  return 'Standard'
}

/** Notes what there is, from when to when, so that the bill has it also when it is gone. */
export function observeUsage(world: World): void {
  const nowMs = world.clock.now()
  for (const [name, region] of world.regions) {
    for (const instance of region.instances.values()) {
      const isOn = ['pending', 'running'].includes(instance.life.state())
      const toMs = isOn ? nowMs : Math.min(nowMs, instance.life.sinceMs())
      const fromMs = instance.launchedAt.getTime()
      const key = `${instance.id}@${fromMs}`
      world.services.usage.set(key, {
        kind: 'vm',
        region: name,
        sku: instance.type,
        sizeGib: 0,
        fromMs,
        toMs,
      })
    }
    for (const volume of region.volumes.values()) {
      const fromMs = volume.createdAt.getTime()
      const { sizeGib, type } = volume
      world.services.usage.set(volume.id, {
        kind: 'volume',
        region: name,
        sku: type,
        sizeGib,
        fromMs,
        toMs: nowMs,
      })
    }
  }
}

/** An account that has been used before: a VM and a volume over the last days, both gone since yesterday. */
export function seedUsage(world: World, days: number): void {
  const toMs = Math.floor(world.clock.now() / 86_400_000) * 86_400_000
  const fromMs = toMs - days * 86_400_000
  const past = { region: 'us-east-1', fromMs, toMs }
  world.services.usage.set('past-vm', { ...past, kind: 'vm', sku: 't3.small', sizeGib: 0 })
  world.services.usage.set('past-volume', { ...past, kind: 'volume', sku: 'gp3', sizeGib: 50 })
  world.services.usage.set('past-vm-eu', {
    ...past,
    region: 'eu-west-1',
    kind: 'vm',
    sku: 'm5.large',
    sizeGib: 0,
  })
}
