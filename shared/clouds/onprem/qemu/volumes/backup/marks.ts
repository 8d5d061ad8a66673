import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import type { Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { endJob, jobOf } from '#shared/clouds/onprem/qemu/volumes/backup/job.ts'
import type { Place } from '#shared/clouds/onprem/qemu/volumes/backup/places.ts'
import { chainOf } from '#shared/clouds/onprem/qemu/volumes/files.ts'
import { nodeOf } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { nodeInMachine } from '#shared/clouds/onprem/qemu/volumes/in-machine.ts'
import { getVolume } from '#shared/clouds/onprem/qemu/volumes/facts.ts'
import { runTied } from '#shared/clouds/onprem/qemu/volumes/tied.ts'

/** A mark is a persistent dirty bitmap (QMP reference, BlockDirtyInfo): what was written since it was made. */
interface Bitmap {
  name: string
  recording: boolean
  busy: boolean
  /** It was not stored when its QEMU ended: what it says is worth nothing. */
  inconsistent?: boolean
}

interface NamedNode {
  'node-name': string
  /** Those of a job that is under way have no name. */
  'dirty-bitmaps'?: (Omit<Bitmap, 'name'> & { name?: string })[]
}

export async function bitmapsOf(monitor: Monitor, node: string): Promise<Bitmap[]> {
  const nodes = await monitor.execute<NamedNode[]>('query-named-block-nodes', { flat: true })
  const found = nodes.find((each) => each['node-name'] === node)
  if (!found) throw new HostError('not_found', `there is no block node ${node}`)
  return (found['dirty-bitmaps'] ?? []).flatMap(({ name, ...bitmap }) =>
    name === undefined ? [] : [{ name, ...bitmap }],
  )
}

export const isTracked = (bitmaps: readonly Bitmap[], mark: string): boolean =>
  bitmaps.some((one) => one.name === mark && one.recording && !one.busy && !one.inconsistent)

/** Forgets what is worth nothing, and the mark that is about to be set. */
export async function dropMarks(
  monitor: Monitor,
  { node }: Pick<Place, 'node'>,
  mark?: string,
): Promise<void> {
  for (const bitmap of await bitmapsOf(monitor, node))
    if (bitmap.inconsistent || bitmap.name === mark)
      await monitor.execute('block-dirty-bitmap-remove', { node, name: bitmap.name })
}

/** See HostVolumes.forgetMark. A copy that is under way for the mark ends, too. */
export async function forgetMark(
  host: QemuHost,
  volume: VolumeRef,
  mark: string,
  machine?: string,
): Promise<void> {
  const node = machine === undefined ? undefined : await nodeInMachine(host, machine, volume)
  if (machine === undefined || node === undefined) return forgetAtRest(host, volume, mark)
  const place: Place = { node, machine, ask: (talk) => host.monitor(machine, talk) }
  await endJob(place, jobOf(mark))
  await place.ask((monitor) => dropMarks(monitor, place, mark))
}

async function forgetAtRest(host: QemuHost, volume: VolumeRef, mark: string): Promise<void> {
  if (volume.format === 'raw' || (await getVolume(host, volume)) === undefined) return
  const { keyName } = volume
  const chain = await chainOf(host, volume)
  const definition = nodeOf(chain, {
    format: 'qcow2',
    readOnly: false,
    ...(keyName !== undefined && { secretId: 'key' }),
  })
  const secrets = keyName === undefined ? [] : [{ id: 'key', keyName }]
  const args = ['bitmap', '--remove', `json:${JSON.stringify(definition)}`, mark]
  await host.gate({ operation: 'qemu-img bitmap', mutating: true, resource: volume.name }, async (signal) => {
    try {
      await runTied(host, { program: 'qemu-img', args, secrets, before: 1 }, signal)
    } catch (error) {
      const isGone = error instanceof HostError && /bitmap '.*' not found/i.test(error.message)
      if (!isGone) throw error
    }
  })
}
