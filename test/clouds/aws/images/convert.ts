import type { DiskStore } from '#test/clouds/core/disks.ts'
import { exportFooter } from '#test/clouds/azure/vhd.ts'
import { BrokenFile } from '#test/clouds/aws/images/file-bytes.ts'
import { readFile, withFile } from '#test/clouds/aws/images/read-file.ts'
import { streamVmdk } from '#test/clouds/aws/images/write-vmdk.ts'

const gibibyte = 2 ** 30
const granuleBytes = 4096
const zeros = Buffer.alloc(granuleBytes)

/** Makes a stored disk, of whole GiB, of the disk in a file. Gives the disk's own size. @throws BrokenFile */
export async function importDisk(
  store: DiskStore,
  { path, format, diskId }: { path: string; format: string; diskId: string },
): Promise<number> {
  return withFile(path, async (file) => {
    const disk = await readFile(file, format)
    if (disk.sizeBytes > 16 * 2 ** 40) throw new BrokenFile('Disk validation failed [The disk is too large]')
    await store.create(diskId, Math.max(1, Math.ceil(disk.sizeBytes / gibibyte)) * gibibyte)
    try {
      for await (const { offset, data } of disk.chunks()) {
        for (let at = 0; at < data.length; at += granuleBytes) {
          const granule = data.subarray(at, at + granuleBytes)
          if (!granule.equals(zeros.subarray(0, granule.length)))
            await store.write(diskId, offset + at, granule)
        }
      }
    } catch (error) {
      await store.remove(diskId)
      throw error
    }
    return disk.sizeBytes
  })
}

/** The bytes of a file that holds a stored disk. */
export async function* exportDisk(
  store: DiskStore,
  { diskId, sizeBytes, format }: { diskId: string; sizeBytes: number; format: string },
): AsyncGenerator<Buffer> {
  if (format === 'VMDK') {
    yield* streamVmdk(sizeBytes, (offset, length) => store.read(diskId, offset, length))
    return
  }
  for (let offset = 0; offset < sizeBytes; offset += 2 ** 20) {
    yield store.read(diskId, offset, Math.min(2 ** 20, sizeBytes - offset))
  }
  if (format === 'VHD') yield exportFooter(sizeBytes)
}
