import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { withImageFile } from '#shared/disks/image/image-file.ts'
import { inspectDiskFile, type DiskFile, type DiskFileFacts } from '#shared/disks/image/inspect.ts'
import { readManifest, type ManifestLine } from '#shared/disks/image/ova/manifest.ts'
import { readOvf, type OvfDisk, type OvfSystem } from '#shared/disks/image/ova/ovf-read.ts'
import { listTar, type TarEntry } from '#shared/disks/image/ova/tar.ts'
import { refused } from '#shared/disks/image/refuse.ts'
import type { Workspace } from '#shared/disks/image/workspace.ts'

/** What was in an OVA. */
export interface UnpackedOva {
  /** Boot disk first. */
  disks: (DiskFile & DiskFileFacts)[]
  hardware: OvfSystem['hardware']
}

/**
 * Takes an OVA apart into the files of its disks, each inspected as if it had come alone, its digest as the manifest says (if
 * there is one) and its size as the descriptor says. Only names that we make are used as paths.
 * @throws DiskError `image_refused`
 */
export async function unpackOva(
  workspace: Workspace,
  name: string,
  signal?: AbortSignal,
): Promise<UnpackedOva> {
  const archive = workspace.path(name)
  const { disks, hardware, entries, manifest } = await withImageFile(archive, async (file) => {
    const listed = await listTar(file, 4 + 2 * workspace.limits.maxDisks)
    const text = async (suffix: string, maxBytes: number) => {
      const [entry, more] = listed.filter((each) => each.name.toLowerCase().endsWith(suffix))
      if (more) throw refused(`it holds two files ${suffix}`)
      if (!entry) return undefined
      if (entry.sizeBytes > maxBytes) throw refused(`its file ${suffix} is too long`)
      return { entry, content: await file.at(entry.offset, entry.sizeBytes, `the file ${suffix}`) }
    }
    const [ovf, mf] = [await text('.ovf', 2 ** 20), await text('.mf', 2 ** 16)]
    if (!ovf) throw refused('it is not an OVA: it holds no OVF descriptor')
    const lines = mf && readManifest(mf.content.toString('utf8'))
    checkDigest(lines, ovf.entry.name, (algorithm) => createHash(algorithm).update(ovf.content).digest('hex'))
    return { ...readOvf(ovf.content.toString('utf8')), entries: listed, manifest: lines }
  })
  if (disks.length > workspace.limits.maxDisks)
    throw refused(`it holds ${disks.length} disks, and ${workspace.limits.maxDisks} are the most`)
  const found: (DiskFile & DiskFileFacts)[] = []
  for (const [index, disk] of disks.entries()) {
    const entry = entryOf(disk, entries)
    const own = `ova-disk-${index}`
    await extract(workspace, { archive, entry, own, manifest }, signal)
    found.push(await inspectMember(workspace, disk, own, signal))
  }
  return { disks: found, hardware }
}

function entryOf(disk: OvfDisk, entries: readonly TarEntry[]): TarEntry {
  const entry = entries.find(({ name }) => name === disk.file)
  if (entry) return entry
  throw basename(disk.file) === disk.file
    ? refused(`its disk ${JSON.stringify(disk.file.slice(0, 60))} is not in the archive`)
    : refused(`its OVF descriptor names a file elsewhere (${JSON.stringify(disk.file.slice(0, 60))})`)
}

async function inspectMember(
  workspace: Workspace,
  { file, format, capacityBytes, unitBytes }: OvfDisk,
  own: string,
  signal: AbortSignal | undefined,
): Promise<DiskFile & DiskFileFacts> {
  const facts = await inspectDiskFile(workspace, { name: own, format }, signal)
  if (capacityBytes < facts.sizeBytes || capacityBytes - facts.sizeBytes >= unitBytes)
    throw refused(
      `its OVF descriptor says ${capacityBytes} bytes for ${JSON.stringify(file)}, which has ${facts.sizeBytes}`,
    )
  return { name: own, format, ...facts }
}

async function extract(
  workspace: Workspace,
  what: { archive: string; entry: TarEntry; own: string; manifest: Map<string, ManifestLine> | undefined },
  signal: AbortSignal | undefined,
): Promise<void> {
  const { archive, entry, own, manifest } = what
  if (entry.sizeBytes === 0) throw refused(`its file ${JSON.stringify(entry.name)} is empty`)
  const hash = createHash(manifest?.get(entry.name)?.algorithm ?? 'sha256')
  const file = await workspace.create(own)
  await pipeline(
    createReadStream(archive, {
      start: entry.offset,
      end: entry.offset + entry.sizeBytes - 1,
      highWaterMark: 1 << 20,
    }),
    async function* hashed(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk)
        yield chunk
      }
    },
    file.createWriteStream(),
    { ...(signal && { signal }) },
  )
  checkDigest(manifest, entry.name, () => hash.digest('hex'))
}

function checkDigest(
  manifest: Map<string, ManifestLine> | undefined,
  name: string,
  digest: (algorithm: ManifestLine['algorithm']) => string,
): void {
  if (!manifest) return
  const line = manifest.get(name)
  if (!line) throw refused(`its manifest lacks ${JSON.stringify(name)}`)
  if (digest(line.algorithm) !== line.digest)
    throw refused(
      `${JSON.stringify(name)} in it does not have the digest that its manifest says`,
      'Transfer the file again, whole; or export it again.',
    )
}
