import { createHash, randomUUID } from 'node:crypto'
import type { MachineSpec, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { createVolumes } from '#shared/clouds/onprem/qemu/volumes/volumes.ts'
import { bootSector } from '#test/clouds/guest/boot-sector.ts'

/** A disk with the boot-sector guest, which counts its boots on it; or with another whose first 4 KiB are all of it. */
export async function guestVolume(
  host: QemuHost,
  {
    unique = 'guest',
    image = guestImage(unique),
    keyName,
    name = `vol-${randomUUID()}`,
  }: { unique?: string; image?: Buffer; keyName?: string; name?: string } = {},
): Promise<VolumeRef> {
  const volume: VolumeRef = {
    pool: 'default',
    name: `${name}.qcow2`,
    format: 'qcow2',
    ...(keyName ? { keyName } : {}),
  }
  const volumes = createVolumes(host)
  await volumes.create(volume, { sizeBytes: image.length })
  const sink = await volumes.openSink(volume)
  const data = image.subarray(0, 4096)
  await sink.write({ offset: 0, data, sha256: createHash('sha256').update(data).digest() })
  await sink.close()
  return volume
}

/** A small machine that boots this volume. */
export const guestMachine = (volume: VolumeRef, changes: Partial<MachineSpec> = {}): MachineSpec => ({
  id: randomUUID(),
  name: 'guest',
  vcpus: 1,
  memoryMib: 32,
  maxVcpus: 1,
  maxMemoryMib: 32,
  architecture: 'x86_64',
  firmware: 'bios',
  disks: [{ volume, device: 'vda' }],
  nics: [{ mac: '52:54:00:00:00:01', kind: 'user', filters: [], forwards: [] }],
  ...changes,
})

/** Its name is where the boot sector looks for it, its first boot number beside it (see boot.s). */
export function guestImage(unique: string): Buffer {
  const image = Buffer.alloc(2 ** 20)
  bootSector.copy(image)
  image.write(`${unique}\0`, 2 * 512, 'latin1')
  image.write('0001', 3 * 512, 'latin1')
  return image
}
