import { randomUUID } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { link, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HostError, type HostGate } from '#shared/clouds/onprem/gate.ts'
import { pathOf } from '#shared/clouds/onprem/objects/paths.ts'
import {
  createSealer,
  createUnsealer,
  headerBytes,
  recordBytes,
  recordOffset,
  tagBytes,
  type Unsealer,
} from '#shared/clouds/onprem/objects/sealed.ts'
import { pieces } from '#shared/clouds/pieces.ts'
import { makeFolder } from '#shared/folders.ts'

/** A bucket in a folder, with what its record says. */
export interface FolderBucket {
  gate: HostGate
  /** Of this bucket; made with its first object. Below it: `objects`, `versions`, `staging`. */
  folder: string
  passphrase?: string
  versioning: boolean
}

/**
 * Writes an object beside the others and puts it in its place when all of it is on the disk; so nobody ever sees a part of it. With versioning the
 * one that was there is kept.
 */
export async function writeObject(
  bucket: FolderBucket,
  { key, sizeBytes, body }: { key: string; sizeBytes: number; body: AsyncIterable<Buffer> },
): Promise<void> {
  const path = pathOf('storage.objects.write', key)
  const { gate, passphrase } = bucket
  const staged = join(bucket.folder, 'staging', randomUUID())
  const sealer = createSealer({ key, sizeBytes, ...(passphrase === undefined ? {} : { passphrase }) })
  const file = await gate({ operation: 'object create', mutating: true, resource: key }, () =>
    createFile(staged),
  )
  try {
    await append(gate, file, { resource: key, position: 0, payload: sealer.header })
    for await (const { number, data } of pieces(body, pieceBytes, sizeBytes, writing)) {
      const first = (number - 1) * recordsPerPiece
      const records = recordsOf(data).map((record, at) => sealer.seal(first + at, record))
      const payload = Buffer.concat(records)
      await append(gate, file, { resource: key, position: recordOffset(first), payload })
    }
    await gate(
      { operation: 'object commit', mutating: true, resource: key, timeoutMs: Infinity },
      async () => {
        await file.sync()
        await place(bucket, staged, path)
      },
    )
  } finally {
    await file.close()
    await rm(staged, { force: true })
  }
}

/**
 * The bytes from `offset`, to the end or `length` of them, in pieces of at most 1 MiB, all of the object as it was when the reading began.
 * @throws CloudError `not_found`; `integrity` for what is not as it was written.
 */
export async function* readObject(
  { gate, folder, passphrase }: FolderBucket,
  { key, offset = 0, length = Infinity }: { key: string; offset?: number; length?: number },
): AsyncGenerator<Buffer> {
  const path = join(folder, 'objects', ...pathOf('storage.objects.read', key))
  const call = { operation: 'object read', mutating: false, resource: key }
  const file = await gate(call, () => openFile(path, key))
  try {
    const header = await gate(call, () => readAt(file, 0, headerBytes))
    const object = createUnsealer(header, { key, ...(passphrase === undefined ? {} : { passphrase }) })
    const end = Math.min(object.sizeBytes, offset + length)
    for (let at = offset; at < end;) {
      const first = Math.floor(at / recordBytes)
      const records = Math.min(recordsPerPiece, Math.ceil(end / recordBytes) - first)
      const sealed = await gate(call, () =>
        readAt(file, recordOffset(first), records * (recordBytes + tagBytes)),
      )
      const plain = unseal(object, first, records, sealed)
      const start = first * recordBytes
      const piece = plain.subarray(at - start, end - start)
      yield piece
      at += piece.length
    }
  } finally {
    await file.close()
  }
}

/** Gone already is fine. With versioning it is kept as a version. */
export async function deleteObject(bucket: FolderBucket, key: string): Promise<void> {
  const names = pathOf('storage.objects.delete', key)
  await bucket.gate({ operation: 'object delete', mutating: true, resource: key }, async () => {
    const path = join(bucket.folder, 'objects', ...names)
    if (bucket.versioning) await keepVersion(bucket, path, names)
    await rm(path, { force: true })
    await removeEmpty(bucket, dirname(path))
  })
}

/** Is there anything in it, an earlier version included? */
export const holdsObjects = ({ gate, folder }: FolderBucket): Promise<boolean> =>
  gate({ operation: 'object list', mutating: false }, async () => {
    const [objects, versions] = await Promise.all(
      ['objects', 'versions'].map((part) => readdir(join(folder, part)).catch(absent)),
    )
    return (objects ?? []).length + (versions ?? []).length > 0
  })

/** Removes the folder with all that is in it: at once out of sight, then for good. */
export async function removeFolder({ gate, folder }: FolderBucket): Promise<void> {
  await gate(
    { operation: 'bucket remove', mutating: true, resource: folder, timeoutMs: Infinity },
    async () => {
      // A name of its own for each bucket that was: a removal that was cut off is finished by the next one.
      const doomed = `${folder}.deleted`
      await rm(doomed, { recursive: true, force: true })
      await rename(folder, doomed).catch(absent)
      await rm(doomed, { recursive: true, force: true })
    },
  )
}

/** What a directory has, or nothing where there is none. */
export function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}

const recordsPerPiece = 16
const pieceBytes = recordsPerPiece * recordBytes
const writing = { cloud: 'on-premise', operation: 'storage.objects.write' } as const

const recordsOf = (data: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(data.length / recordBytes) }, (_, at) =>
    data.subarray(at * recordBytes, (at + 1) * recordBytes),
  )

async function createFile(path: string): Promise<FileHandle> {
  makeFolder(dirname(path), 0o700)
  return open(path, 'wx', 0o600)
}

async function append(
  gate: HostGate,
  file: FileHandle,
  { resource, position, payload }: { resource: string; position: number; payload: Buffer },
): Promise<void> {
  await gate({ operation: 'object write', mutating: true, resource, payload }, async () => {
    for (let done = 0; done < payload.length;) {
      const { bytesWritten } = await file.write(payload, done, payload.length - done, position + done)
      done += bytesWritten
    }
  })
}

/** A folder on the way may be removed as empty by a deletion at the same time; then it is made again. */
async function place(bucket: FolderBucket, staged: string, names: readonly string[]): Promise<void> {
  const path = join(bucket.folder, 'objects', ...names)
  for (let attempt = 1; ; attempt += 1) {
    const made = makeFolder(dirname(path), 0o700)
    if (bucket.versioning) await keepVersion(bucket, path, names)
    try {
      await rename(staged, path)
      return await syncFolders(dirname(path), made === undefined ? dirname(path) : dirname(made))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 5) throw error
    }
  }
}

/** Names of versions sort by when they stopped being the present one. */
async function keepVersion(bucket: FolderBucket, path: string, names: readonly string[]): Promise<void> {
  const folder = join(bucket.folder, 'versions', ...names)
  makeFolder(folder, 0o700)
  await link(path, join(folder, `${new Date().toISOString()}-${randomUUID()}`)).catch(absent)
  await removeEmpty(bucket, folder)
}

/** Removes folders that nothing is in any more, from this one up to the bucket's own. */
export async function removeEmpty(bucket: FolderBucket, from: string): Promise<void> {
  for (let folder = from; folder.startsWith(`${bucket.folder}/`); folder = dirname(folder)) {
    try {
      await rmdir(folder)
    } catch {
      return
    }
  }
}

/** From `path` up to `top`: a folder that is new is an entry of another one. */
async function syncFolders(path: string, top: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
  if (path.length > top.length) await syncFolders(dirname(path), top)
}

async function openFile(path: string, key: string): Promise<FileHandle> {
  const file = await open(path, 'r').catch(absent)
  if (file) return file
  throw new HostError('not_found', `There is no object "${key}".`)
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const data = Buffer.alloc(length)
  let done = 0
  for (;;) {
    const { bytesRead } = await file.read(data, done, length - done, position + done)
    done += bytesRead
    if (bytesRead === 0 || done === length) return data.subarray(0, done)
  }
}

function unseal(object: Unsealer, first: number, records: number, sealed: Buffer): Buffer {
  const opened = Array.from({ length: records }, (_, at) => {
    const record = sealed.subarray(at * (recordBytes + tagBytes), (at + 1) * (recordBytes + tagBytes))
    return object.open(first + at, record)
  })
  return Buffer.concat(opened)
}
