import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ObjectRef, ObjectsFacet } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'
import { withWorkspace, type Workspace } from '#shared/disks/image/workspace.ts'

/**
 * Where image files lie while they are converted, on the worker's machine: the registration's `staging_folder`, else a folder beside the first
 * host's (driver `qemu`), or in the folder of the buckets.
 * @throws CloudError `invalid_request` if there is none of these.
 */
export function stagingFolder({ settings: { providerId, options } }: Pick<Site, 'settings'>): string {
  const { staging_folder: named, driver, hosts, object_store: store } = options
  if (named !== undefined) return named
  const folder = hosts[0]?.folder
  if (driver === 'qemu' && folder !== undefined) return join(folder, 'staging')
  if (store && 'folder' in store) return join(store.folder, '.staging')
  throw refusal('images', `Provider ${providerId} has no place to convert images in.`, {
    code: 'invalid_request',
    remedy: 'Give options.staging_folder to the registration: a folder on the machine of the workers.',
    details: { field: 'options.staging_folder' },
  })
}

/** Runs the work of a task in a workspace of its own; what an earlier worker left of it is cleared away. */
export const withTaskWorkspace = <T>(
  site: Site,
  task: string,
  work: (workspace: Workspace) => Promise<T>,
): Promise<T> => withWorkspace(join(stagingFolder(site), task), work, { runAs: site.settings.options.run_as })

/** The size of an object. @throws CloudError `not_found`. */
export async function sizeOfObject(
  objects: ObjectsFacet,
  operation: string,
  { region, bucket, key }: ObjectRef,
): Promise<number> {
  for await (const object of objects.list({ region, id: bucket }, { prefix: key }))
    if (object.key === key) return object.sizeBytes
  throw notFound(operation, 'object', { region, id: `${bucket}/${key}` })
}

/** Brings an object into the workspace as `name`. */
export async function download(
  objects: ObjectsFacet,
  { region, bucket, key }: ObjectRef,
  workspace: Workspace,
  name: string,
  { sizeBytes, signal, onProgress }: Transfer & { sizeBytes: number },
): Promise<void> {
  const file = await workspace.create(name)
  let done = 0
  await pipeline(
    objects.read({ region, id: bucket }, { key }),
    async function* counted(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        yield chunk
        onProgress((done += chunk.length), sizeBytes)
      }
    },
    file.createWriteStream(),
    { signal },
  )
}

/** Writes an object of what a file of the workspace holds, or of what is given. @returns the SHA-256 of what was written. */
export async function upload(
  objects: ObjectsFacet,
  { region, bucket, key }: ObjectRef,
  content: { path: string } | { sizeBytes: number; body: AsyncIterable<Buffer> },
  { signal, onProgress }: Transfer,
): Promise<Uint8Array> {
  const { sizeBytes, body } =
    'path' in content
      ? {
          sizeBytes: (await stat(content.path)).size,
          body: createReadStream(content.path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>,
        }
      : content
  const hash = createHash('sha256')
  let done = 0
  async function* counted() {
    for await (const chunk of body) {
      signal.throwIfAborted()
      hash.update(chunk)
      yield chunk
      onProgress((done += chunk.length), sizeBytes)
    }
  }
  await objects.write({ region, id: bucket }, { key, sizeBytes, body: counted() })
  return hash.digest()
}

export interface Transfer {
  signal: AbortSignal
  /** Bytes. */
  onProgress: (done: number, total: number) => void
}
