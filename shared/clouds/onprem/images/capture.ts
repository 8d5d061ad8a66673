import type { CloudRef, ImagesFacet, VmDisk } from '#shared/clouds/port.ts'
import { requireReady } from '#shared/clouds/onprem/compute/find.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { imageRefs, turnOfImage } from '#shared/clouds/onprem/images/files.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import type { ImageRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

type CreateFromVm = Parameters<ImagesFacet['createFromVm']>[0]

/**
 * Copies a VM's disks to files of an image, beside them, each with its disk's key. The call lasts as long as the copying; one that died is taken up
 * by the next call with the same token, and until then its image is `failed`.
 */
export async function createFromVm(site: Site, request: CreateFromVm): Promise<CloudRef> {
  const { region } = request.vm
  const id = idFor('img', request.token)
  const { records } = site.homeOf(region)
  const known = await records.get('image', id)
  if (known?.state === 'ready') return { region, id }
  const vm = await requireReady(site, operation, request.vm)
  const disks = await Promise.all(request.disks.map((disk) => requireDisk(vm, disk)))
  const pool = disks[0]?.body.pool
  if (pool === undefined)
    throw refusal(operation, `The VM ${vm.id} has no disk to make an image of.`, { code: 'invalid_request' })
  await records.alone(turnOfImage(id), async () => {
    if ((await records.get('image', id))?.state === 'ready') return
    const image: ImageRecord = {
      name: request.name,
      tags: request.tags,
      createdAt: known?.createdAt ?? new Date().toISOString(),
      state: 'pending',
      architecture: vm.body.architecture,
      firmware: vm.body.firmware,
      hardware: { vcpus: vm.body.vcpus, memoryMib: vm.body.memoryMib },
      disks: disks.map(({ body: { sizeBytes, keyName } }) => ({
        sizeBytes,
        ...(keyName === undefined ? {} : { keyName }),
      })),
      copies: [{ host: vm.host.name, pool }],
    }
    // Before any file, so that each can be found by it.
    await records.put('image', id, image)
    const refs = imageRefs(id, image, pool)
    for (const [index, { id: volume, body }] of disks.entries()) {
      const target = refs[index]
      if (target) await copyDisk(vm, volumeRef(volume, body), target)
    }
    await records.put('image', id, { ...image, state: 'ready' })
  })
  return { region, id }
}

const operation = 'images.createFromVm'

async function requireDisk(
  { id: vm, host }: Found<'vm'>,
  { id }: VmDisk,
): Promise<{ id: string; body: VolumeRecord }> {
  const body = await host.records.get('volume', id)
  if (body?.vm === vm) return { id, body }
  throw refusal(operation, `disks: the VM ${vm} has no volume ${id}.`, { code: 'invalid_request' })
}

/** A disk that a machine has open is copied as it is at one moment; what changes after that need not be tracked. */
async function copyDisk({ id: machine, host }: Found<'vm'>, from: VolumeRef, to: VolumeRef): Promise<void> {
  const state = (await host.machines.status(machine))?.state
  if (state !== 'running' && state !== 'paused') return host.volumes.copy(from, to)
  await host.volumes.backup(from, to, { machine })
  await host.volumes.forgetMark(from, to.name, machine)
}
