import type { CloudRef, TagChange } from '#shared/clouds/port.ts'
import { requireVm } from '#shared/clouds/onprem/compute/find.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'

export async function setTags(site: Site, ref: CloudRef, { set, remove }: TagChange): Promise<void> {
  const { id, host } = await requireVm(site, 'compute.setTags', ref)
  await host.records.change('vm', id, (vm): VmRecord => {
    const kept = Object.entries(vm.tags).filter(([tag]) => isOwner(tag) || !remove.includes(tag))
    const added = Object.entries(set).filter(([tag]) => !isOwner(tag))
    return { ...vm, tags: Object.fromEntries([...kept, ...added]) }
  })
}

const isOwner = (tag: string) => tag.startsWith('novacron-')
