import type { Cloud, CloudRef, CloudSnapshot, VmDisk } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { ResourceSpecs, SnapshotPart } from '#shared/resources/specs.ts'
import { unknownVm } from '#workers/power.ts'
import type { Craft } from '#workers/resources/kinds.ts'
import { seeSnapshot, type Seen } from '#workers/resources/seen.ts'

/** A snapshot of a VM has one part per disk, boot disk first; the first part's id is the snapshot's. */
export const snapshots: Craft<ResourceSpecs['snapshot']> = {
  async create(cloud, { input: { region, name, spec }, intent }) {
    const disks = 'vm' in spec ? await disksOf(cloud, spec.vm) : [await volumeDisk(cloud, spec.volume)]
    const parts: SnapshotPart[] = []
    for (const disk of disks) {
      const { id } = await cloud.disks.createSnapshot({
        ...intent(`snapshot ${disk.id}`),
        region,
        name: parts.length === 0 ? name : `${name}-${parts.length}`,
        ...('vm' in spec ? { vm: spec.vm } : {}),
        disk,
      })
      parts.push({ id, disk })
    }
    const [first] = parts
    if (!first) throw new Error('unreachable: a VM without disks was refused')
    return { ref: { region, id: first.id }, kept: { parts, ...('vm' in spec ? { vm: spec.vmId } : {}) } }
  },
  async get(cloud, ref, observed) {
    const seen = await Promise.all(
      partIds(ref, observed).map((id) => cloud.disks.getSnapshot({ region: ref.region, id })),
    )
    const there = seen.filter((one) => one !== undefined)
    return there.length === 0 ? undefined : together(ref, there, seen.length)
  },
  async remove(cloud, ref, observed) {
    for (const id of partIds(ref, observed)) await cloud.disks.deleteSnapshot({ region: ref.region, id })
  },
}

/** The parts of a snapshot as its row keeps them; one that a sync has found has none. */
export function partsOf(observed: Readonly<Record<string, unknown>>): SnapshotPart[] {
  const kept = observed['kept'] as { parts?: SnapshotPart[] } | undefined
  return kept?.parts ?? []
}

const partIds = (ref: CloudRef, observed: Readonly<Record<string, unknown>>): string[] => [
  ...new Set([ref.id, ...partsOf(observed).map(({ id }) => id)]),
]

/** Ready when all are, failed when one is. A part that the cloud does not show (yet) is not ready. */
function together(ref: CloudRef, there: readonly CloudSnapshot[], parts: number): Seen | undefined {
  const [first] = there
  if (!first) return undefined
  const state = there.some((one) => one.state === 'failed')
    ? 'failed'
    : there.length === parts && there.every((one) => one.state === 'ready')
      ? 'ready'
      : 'pending'
  const sizeBytes = there.reduce((sum, one) => sum + one.sizeBytes, 0)
  return seeSnapshot({ ...first, ...ref, state, sizeBytes })
}

async function disksOf(cloud: Cloud, ref: CloudRef): Promise<VmDisk[]> {
  const vm = await cloud.compute.get(ref)
  if (!vm || vm.disks.length === 0) throw unknownVm(cloud, ref.id)
  return vm.disks
}

async function volumeDisk(cloud: Cloud, ref: CloudRef): Promise<Pick<VmDisk, 'id' | 'sizeBytes'>> {
  const volume = await cloud.storage.volumes.get(ref)
  if (volume) return { id: volume.id, sizeBytes: volume.sizeBytes }
  throw new CloudError(`The cloud does not know the volume ${ref.id}.`, {
    cloud: cloud.type,
    operation: 'get',
    code: 'not_found',
    remedy: 'It was deleted by somebody else; sync the provider.',
  })
}
