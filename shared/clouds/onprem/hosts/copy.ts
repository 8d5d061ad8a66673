import { buffer } from 'node:stream/consumers'
import type { MachineNic, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { Found, Host } from '#shared/clouds/onprem/hosts.ts'
import type { Move } from '#shared/clouds/onprem/hosts/hand-over.ts'
import { roomiestPool } from '#shared/clouds/onprem/placement/view.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { copyAcross } from '#shared/clouds/onprem/volumes/across.ts'
import { seedRef, volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

/** One disk of a VM that moves: its record, where it lies and where it goes. */
export interface MovingDisk {
  volume: string
  device: string
  sizeBytes: number
  was: VolumeRef
  at: VolumeRef
}

/** Where each disk goes: to the pool of the same name, else to the one with the most room. */
export async function targetDisks({ body, host }: Found<'vm'>, to: Host): Promise<MovingDisk[]> {
  const pools = new Set((await to.volumes.pools()).map(({ name }) => name))
  const roomiest = (await roomiestPool(to)).name
  return Promise.all(
    body.disks.map(async ({ volume, device }) => {
      const record = (await host.records.get('volume', volume)) ?? (await to.records.get('volume', volume))
      if (record === undefined)
        throw refusal('hosts.relocate', `There is no volume ${volume} on host ${host.name}.`, {
          code: 'not_found',
        })
      const pool = pools.has(record.pool) ? record.pool : roomiest
      return {
        volume,
        device,
        sizeBytes: record.sizeBytes,
        was: volumeRef(volume, record),
        at: volumeRef(volume, { ...record, pool }),
      }
    }),
  )
}

/** The seed lies beside the boot disk; a few hundred KiB. */
export async function prepareSeed({ id, from, to, disks }: Move): Promise<void> {
  const [boot] = disks
  if (boot === undefined) return
  const seed = seedRef(id, boot.was.pool)
  if ((await from.volumes.get(seed)) === undefined) return
  const content = await contentOf(from, seed)
  await to.volumes.writeFile(seedRef(id, boot.at.pool), content)
}

/** Of a machine that is off: its disks are copied, every byte checked, and it is defined there and no longer here. */
export async function copyMachine(
  { id, from, to, disks }: Move,
  nic: MachineNic,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const total = disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let done = 0
  for (const { was, at, sizeBytes } of disks) {
    await copyAcross({ host: from, ref: was }, { host: to, ref: at }, sizeBytes)
    onProgress?.((done += sizeBytes), total)
  }
  const spec = await from.machines.spec(id)
  if (spec === undefined)
    throw refusal('hosts.relocate', `Host ${from.name} has no machine ${id}.`, { code: 'not_found' })
  const pool = disks[0]?.at.pool
  await to.machines.define({
    ...spec,
    disks: disks.map(({ at, device }) => ({ volume: at, device })),
    nics: [nic],
    ...(spec.seed === undefined || pool === undefined ? {} : { seed: seedRef(id, pool) }),
  })
  await from.machines.undefine(id)
}

async function contentOf(host: Host, ref: VolumeRef): Promise<Buffer> {
  const source = await host.volumes.openSource(ref)
  const { sizeBytes, preferredChunkBytes } = source
  async function* chunks() {
    for (let offset = 0; offset < sizeBytes; offset += preferredChunkBytes)
      yield await source.read({ offset, length: Math.min(preferredChunkBytes, sizeBytes - offset) })
  }
  try {
    return await buffer(chunks())
  } finally {
    await source.close()
  }
}
