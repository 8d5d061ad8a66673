import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openGcp } from '#shared/clouds/gcp/gcp.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { startGcp, type GcpOptions } from '#test/clouds/gcp/server.ts'
import { makePublic } from '#test/shared/clouds/gcp/public.ts'
import { writeBaseImage } from '#test/shared/clouds/conformance/base-image.ts'
import { unseenMachineCalls } from '#test/shared/clouds/gcp/unseen-machines.ts'
import { unseenServiceCalls } from '#test/shared/clouds/gcp/unseen-services.ts'
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
  options: { ...loopback.options, poll_ms: 5, request_timeout_ms: 20_000 },
  workerId: 'worker-7f3a',
  ...changes,
})

/** The adapter on a loopback Google Cloud of its own, whose delays are short and whose machines do not boot. */
export async function openSubject(options: Partial<GcpOptions> = {}): Promise<GcpSubject> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-gcp-'))
  const imagePath = join(dir, 'image.raw')
  await writeBaseImage(imagePath)
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
    reopen: ({ options: changed = {}, credentials } = {}) =>
      openGcp(
        settingsFor(loopback, {
          ...(credentials && { credentials }),
          options: { ...settings.options, ...changed },
        }),
      ),
    makePublic: makePublic(settings),
    dialect: {
      instanceType: 'e2-small',
      largerType: 'e2-standard-2',
      zone: 'us-central1-a',
      throttled: { code: 'rateLimitExceeded', status: 403 },
      capacity: { code: 'ZONE_RESOURCE_POOL_EXHAUSTED', status: 503 },
      createVmOperation: 'compute.instances.insert',
      readOperation: 'storage.objects.get',
      writeOperation: 'compute.images.insert',
      refusals: {
        auth_failed: [{ code: 'authError', status: 401 }],
        forbidden: [
          { code: 'forbidden', status: 403 },
          { code: 'accessNotConfigured', status: 403 },
          { code: 'insufficientPermissions', status: 403 },
        ],
        not_found: [{ code: 'notFound', status: 404 }],
        conflict: [
          { code: 'resourceInUseByAnotherResource', status: 400 },
          { code: 'resourceNotReady', status: 400 },
          { code: 'conditionNotMet', status: 412 },
          { code: 'alreadyExists', status: 409 },
        ],
        invalid_request: [
          { code: 'invalid', status: 400 },
          { code: 'badRequest', status: 400 },
          { code: 'required', status: 400 },
        ],
        capacity: [{ code: 'ZONE_RESOURCE_POOL_EXHAUSTED', status: 503 }],
        quota_exceeded: [
          { code: 'quotaExceeded', status: 403 },
          { code: 'QUOTA_EXCEEDED', status: 403 },
        ],
        throttled: [
          { code: 'rateLimitExceeded', status: 403 },
          { code: 'userRateLimitExceeded', status: 403 },
          { code: 'rateLimitExceeded', status: 429 },
        ],
        unavailable: [
          { code: 'backendError', status: 503 },
          { code: 'internalError', status: 500 },
        ],
      },
      placementGroup: 'together',
      customerKey: 'projects/novacron-loopback/locations/us-central1/keyRings/vms/cryptoKeys/disks',
      signIn: ['oauth2.token'],
      waits: ['zone', 'region', 'global'].map((scope) => `compute.${scope}Operations.wait`),
      unseen: {
        ...unseenServiceCalls,
        ...unseenMachineCalls,
      },
    },
  }
}
