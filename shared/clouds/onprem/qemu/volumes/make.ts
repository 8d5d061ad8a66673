import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, relative } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { encryptedImage } from '#shared/clouds/onprem/luks/image.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { syncFolder } from '#shared/clouds/onprem/qemu/files.ts'
import { getVolume, readFacts } from '#shared/clouds/onprem/qemu/volumes/facts.ts'
import { chainOf, pathOf, unfinished } from '#shared/clouds/onprem/qemu/volumes/files.ts'
import { nodeOf } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { runTied } from '#shared/clouds/onprem/qemu/volumes/tied.ts'

/** See HostVolumes.create. */
export async function createVolume(
  host: QemuHost,
  volume: VolumeRef,
  { sizeBytes, backing }: { sizeBytes: number; backing?: VolumeRef },
): Promise<void> {
  if (await isMade(host, volume, sizeBytes)) return
  const fresh = await makeUnfinished(host, volume, { sizeBytes, ...(backing && { backing }) })
  await finish(host, volume, fresh)
}

/** See HostVolumes.copy. */
export async function copyVolume(
  host: QemuHost,
  from: VolumeRef,
  to: VolumeRef,
  { sizeBytes: wanted = 0 }: { sizeBytes?: number } = {},
): Promise<void> {
  const facts = await getVolume(host, from)
  if (!facts) throw new HostError('not_found', `there is no volume ${from.name} in pool ${from.pool}`)
  const sizeBytes = Math.max(wanted, facts.sizeBytes)
  if (await isMade(host, to, sizeBytes)) return
  const fresh = await makeUnfinished(host, to, { sizeBytes })
  await convert(host, { from, to, fresh })
  await finish(host, to, fresh)
}

/** See HostVolumes.writeFile. */
export async function writeVolume(host: QemuHost, volume: VolumeRef, content: Buffer): Promise<void> {
  if (volume.format !== 'raw')
    throw new HostError('invalid_request', `${volume.name}: only a raw volume is written whole`)
  await host.ready()
  const fresh = unfinished(pathOf(host, volume))
  await host.gate(
    { operation: 'write', mutating: true, resource: volume.name, payload: content },
    async (signal) => {
      const file = await emptyFile(host, fresh, signal)
      try {
        await file.writeFile(content)
      } finally {
        await file.close()
      }
    },
  )
  await finish(host, volume, fresh)
}

/**
 * Makes the file of a volume under a name that says that it is not finished; what was left there by a call that died goes. Only the guests' user
 * can read it.
 * @returns its path.
 */
export async function makeUnfinished(
  host: QemuHost,
  volume: VolumeRef,
  { sizeBytes, backing }: { sizeBytes: number; backing?: VolumeRef },
): Promise<string> {
  await host.ready()
  checkWishes(volume, sizeBytes, backing)
  const path = pathOf(host, volume)
  const fresh = unfinished(path)
  const below = backing && backingName(path, pathOf(host, backing))
  await host.gate(
    { operation: 'qemu-img create', mutating: true, resource: volume.name, timeoutMs: Infinity },
    async (signal) => {
      const file = await emptyFile(host, fresh, signal)
      try {
        if (volume.format === 'raw') await file.truncate(sizeBytes)
        else if (volume.keyName !== undefined) {
          // The same as qemu-img makes, without its seconds of key stretching.
          const { head, fileBytes } = encryptedImage({
            sizeBytes,
            passphrase: host.context.passphrase(volume.keyName),
            ...(below !== undefined && { backing: { path: below, format: 'qcow2' } }),
          })
          await file.write(head, 0, head.length, 0)
          await file.truncate(fileBytes)
        }
      } finally {
        await file.close()
      }
      if (volume.format === 'raw' || volume.keyName !== undefined) return
      const options = ['compat=1.1', 'cluster_size=65536', 'lazy_refcounts=off']
      // -u: what it builds on is not opened now; it may be in use.
      const building = below === undefined ? [] : ['-u', '-b', below, '-F', 'qcow2']
      const args = [
        'create',
        '-q',
        '-f',
        'qcow2',
        '-o',
        options.join(','),
        ...building,
        fresh,
        `${sizeBytes}`,
      ]
      await runTied(host, { program: 'qemu-img', args }, signal)
    },
  )
  return fresh
}

/** Makes the bytes durable, then gives the file its name. */
export const finish = (host: QemuHost, volume: VolumeRef, fresh: string): Promise<void> =>
  host.gate(
    { operation: 'rename', mutating: true, resource: volume.name, timeoutMs: Infinity },
    async (signal) => {
      const path = pathOf(host, volume)
      const file = await open(fresh, 'r+')
      try {
        await file.sync()
      } finally {
        await file.close()
      }
      signal.throwIfAborted()
      await rename(fresh, path)
      await syncFolder(dirname(path))
    },
  )

async function isMade(host: QemuHost, volume: VolumeRef, sizeBytes: number): Promise<boolean> {
  const facts = await host.gate({ operation: 'qemu-img info', mutating: false, resource: volume.name }, () =>
    readFacts(pathOf(host, volume), volume.name, volume.format),
  )
  if (facts === undefined) return false
  if (facts.sizeBytes === sizeBytes && facts.encrypted === (volume.keyName !== undefined)) return true
  throw new HostError(
    'conflict',
    `there is a volume ${volume.name} of ${facts.sizeBytes} bytes${facts.encrypted ? ', encrypted' : ''} already`,
  )
}

function checkWishes(volume: VolumeRef, sizeBytes: number, backing: VolumeRef | undefined): void {
  const mistake =
    !Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % 512 !== 0
      ? `sizeBytes: ${sizeBytes} is not a positive multiple of 512`
      : volume.format === 'raw' && (volume.keyName !== undefined || backing)
        ? 'format: a raw volume can neither be encrypted nor build on another'
        : backing && backing.format !== 'qcow2'
          ? 'backing: only what is a qcow2 file can be built on'
          : undefined
  if (mistake) throw new HostError('invalid_request', `volume ${volume.name}: ${mistake}`)
}

/** Beside each other by name alone, so that a pool can be moved as a whole. */
const backingName = (path: string, below: string): string =>
  relative(dirname(path), below) === basename(below) ? basename(below) : below

/** One whose step has ended makes none: nobody would come to remove it. */
async function emptyFile(host: Pick<QemuHost, 'runAs'>, path: string, signal: AbortSignal) {
  await rm(path, { force: true })
  signal.throwIfAborted()
  const file = await open(path, 'wx', 0o600)
  if (host.runAs) await file.chown(host.runAs.uid, host.runAs.gid)
  return file
}

/** All of one volume's content, whatever it builds on, into a new, empty file. */
async function convert(
  host: QemuHost,
  { from, to, fresh }: { from: VolumeRef; to: VolumeRef; fresh: string },
): Promise<void> {
  const side = (volume: VolumeRef, id: string) => ({
    secrets: volume.keyName === undefined ? [] : [{ id, keyName: volume.keyName }],
    format: volume.format,
    ...(volume.keyName !== undefined && { secretId: id }),
  })
  const [source, target] = [side(from, 'from'), side(to, 'to')]
  const chain = await chainOf(host, from)
  const json = (node: object) => `json:${JSON.stringify(node)}`
  const args = [
    'convert',
    '-n',
    '--target-is-zero',
    '-W',
    '-O',
    to.format,
    json(nodeOf(chain, { ...source, readOnly: true })),
    json(nodeOf([fresh], { ...target, readOnly: false })),
  ]
  await host.gate(
    { operation: 'qemu-img convert', mutating: true, resource: to.name, timeoutMs: Infinity },
    (signal) =>
      runTied(
        host,
        { program: 'qemu-img', args, secrets: [...source.secrets, ...target.secrets], before: 1 },
        signal,
      ),
  )
}
