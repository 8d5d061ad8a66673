import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openGcp } from '#shared/clouds/gcp/gcp.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { startGcp, type GcpOptions } from '#test/clouds/gcp/server.ts'
import type { Subject } from '#test/shared/clouds/conformance.ts'

export const region = 'us-central1'

export type GcpSubject = Subject & { loopback: StartedCloud; settings: CloudSettings }

/** The registration of a loopback Google Cloud, quick to poll. */
export const settingsFor = (loopback: StartedCloud, changes: Partial<CloudSettings> = {}): CloudSettings => ({
  providerId: 'gcp-test',
  type: 'gcp',
  credentials: loopback.credentials,
  regions: loopback.regions,
  defaultRegion: region,
  endpoints: loopback.endpoints,
  options: { ...loopback.options, poll_ms: 5, request_timeout_ms: 3000 },
  workerId: 'worker-7f3a',
  ...changes,
})

/** The adapter on a loopback Google Cloud of its own, whose delays are short and whose machines do not boot. */
export async function openSubject(options: Partial<GcpOptions> = {}): Promise<GcpSubject> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-gcp-'))
  const imagePath = join(dir, 'image.raw')
  await writeImage(imagePath)
  const loopback = await startGcp({
    dir,
    imagePath,
    boot: false,
    delaysMs: { operation: 4, vm: 15, snapshot: 10, image: 10, visible: 20, build: 10 },
    ...options,
  })
  const settings = settingsFor(loopback)
  return {
    cloud: await openGcp(settings),
    loopback: {
      ...loopback,
      async close() {
        await loopback.close()
        await rm(dir, { recursive: true, force: true })
      },
    },
    settings,
    region,
    workerId: settings.workerId,
    imagePath,
    dialect: {
      instanceType: 'e2-small',
      throttled: { code: 'rateLimitExceeded', status: 403 },
      capacity: { code: 'ZONE_RESOURCE_POOL_EXHAUSTED', status: 503 },
      createVmOperation: 'compute.instances.insert',
      readOperation: 'storage.objects.get',
      writeOperation: 'compute.images.insert',
    },
  }
}

/** 40 MiB with a few islands of bytes. */
async function writeImage(path: string): Promise<void> {
  const file = await open(path, 'w')
  await file.truncate(40 * 2 ** 20)
  for (const offset of [0, 512 * 1024, 7 * 2 ** 20 + 4096, 40 * 2 ** 20 - 512]) {
    await file.write(randomBytes(512), 0, 512, offset)
  }
  await file.close()
}
