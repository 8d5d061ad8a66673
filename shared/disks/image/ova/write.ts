import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { writeManifest } from '#shared/disks/image/ova/manifest.ts'
import { writeOvf, type OvfMachine } from '#shared/disks/image/ova/ovf-write.ts'
import { tarEnd, tarHeader, tarPadding } from '#shared/disks/image/ova/tar.ts'
import type { Workspace } from '#shared/disks/image/workspace.ts'

/**
 * An OVA of disks that lie as VMDK streamOptimized in the workspace: descriptor, manifest (SHA-256), disks, in this order. Its length is known
 * before its bytes are asked for, and it is never a file itself.
 */
export async function packOva(
  workspace: Workspace,
  machine: Omit<OvfMachine, 'disks'> & { disks: { name: string; capacityBytes: number }[] },
): Promise<{ sizeBytes: number; body: AsyncIterable<Buffer> }> {
  const disks = await Promise.all(
    machine.disks.map(async ({ name, capacityBytes }, index) => {
      const path = workspace.path(name)
      const { size: sizeBytes } = await stat(path)
      return { file: `${machine.name}-disk${index + 1}.vmdk`, path, sizeBytes, capacityBytes }
    }),
  )
  const descriptor = Buffer.from(writeOvf({ ...machine, disks }))
  const digests = [
    { file: `${machine.name}.ovf`, digest: createHash('sha256').update(descriptor).digest('hex') },
  ]
  for (const { file, path } of disks) digests.push({ file, digest: await digestOf(path) })
  const manifest = Buffer.from(writeManifest(digests))
  const members = [
    { name: `${machine.name}.ovf`, sizeBytes: descriptor.length, read: () => [descriptor] },
    { name: `${machine.name}.mf`, sizeBytes: manifest.length, read: () => [manifest] },
    ...disks.map(({ file, path, sizeBytes }) => ({
      name: file,
      sizeBytes,
      read: () => createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>,
    })),
  ]
  const sizeBytes = members.reduce(
    (sum, member) => sum + 512 + member.sizeBytes + tarPadding(member.sizeBytes).length,
    tarEnd.length,
  )
  return { sizeBytes, body: archive(members) }
}

async function* archive(
  members: { name: string; sizeBytes: number; read: () => Iterable<Buffer> | AsyncIterable<Buffer> }[],
): AsyncGenerator<Buffer> {
  const nowS = Math.floor(Date.now() / 1000)
  for (const { name, sizeBytes, read } of members) {
    yield tarHeader(name, sizeBytes, nowS)
    yield* read()
    yield tarPadding(sizeBytes)
  }
  yield tarEnd
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
