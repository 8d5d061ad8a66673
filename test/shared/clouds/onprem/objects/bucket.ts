import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { createGate, type Interceptor } from '#shared/clouds/onprem/gate.ts'
import type { FolderBucket } from '#shared/clouds/onprem/objects/folder.ts'
import { createCallWatch } from '#shared/clouds/watch.ts'

/** A bucket in a folder of its own, removed behind the test. */
export async function makeBucket(
  changes: Partial<FolderBucket> & { intercept?: Interceptor } = {},
): Promise<FolderBucket> {
  const { intercept, ...own } = changes
  const dir = await mkdtemp(join(tmpdir(), 'nc-objects-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const gate = createGate({
    host: 'object-store',
    rules: [],
    watch: createCallWatch({ absorbMs: 0 }),
    requestTimeoutMs: 5_000,
    ...(intercept ? { intercept } : {}),
  })
  return {
    gate,
    folder: join(dir, 'bucket'),
    passphrase: randomBytes(32).toString('base64'),
    versioning: false,
    ...own,
  }
}

export async function* bodyOf(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(chunk)
}
