import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAzure } from '#shared/clouds/azure/azure.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import { encryptionSetType, made, placementType } from '#test/clouds/azure/context.ts'
import { startAzure, type AzureOptions } from '#test/clouds/azure/server.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { unseen } from '#test/shared/clouds/azure/unseen.ts'
import type { Subject, SubjectOptions } from '#test/shared/clouds/conformance.ts'

export const region = 'eastus'

export type AzureSubject = Subject & { loopback: StartedCloud; settings: CloudSettings }

/** The registration of a loopback Azure. */
export const settingsFor = (loopback: StartedCloud, changes: Partial<CloudSettings> = {}): CloudSettings => ({
  providerId: 'azure-test',
  type: 'azure',
  credentials: loopback.credentials,
  regions: loopback.regions,
  defaultRegion: region,
  endpoints: loopback.endpoints,
  options: { ...loopback.options, request_timeout_ms: 2000, poll_ms: 5 },
  workerId: 'worker-7f3a',
  ...changes,
})

/** The adapter on a loopback Azure of its own, whose delays are short and whose machines do not boot. */
export async function openSubject({
  pageLimit,
  ...options
}: Partial<AzureOptions> & SubjectOptions = {}): Promise<AzureSubject> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-azure-'))
  const imagePath = join(dir, 'image.raw')
  await writeImage(imagePath)
  const loopback = await startAzure({
    dir,
    imagePath,
    boot: false,
    delaysMs: { vmCreate: 20, vmStart: 15, vmStop: 15, vmDelete: 15, snapshot: 15, disk: 5, network: 5 },
    ...(pageLimit === undefined ? {} : { pageSize: pageLimit }),
    ...options,
  })
  const settings = settingsFor(loopback)
  return {
    cloud: await openAzure(settings),
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
    reopen: ({ options: own, ...changes } = {}) =>
      openAzure(settingsFor(loopback, { ...changes, options: { ...settings.options, ...own } })),
    dialect: {
      instanceType: 'Standard_D2s_v5',
      largerType: 'Standard_D4s_v5',
      placementGroup: made(loopback.credentials['subscription_id'] ?? '', placementType, 'near'),
      customerKey: made(loopback.credentials['subscription_id'] ?? '', encryptionSetType, 'keys'),
      throttled: { code: 'TooManyRequests', status: 429, retryAfterSeconds: 3 },
      capacity: { code: 'SkuNotAvailable', status: 409 },
      createVmOperation: 'VirtualMachines_CreateOrUpdate',
      readOperation: 'Blob_Download',
      writeOperation: 'PageBlob_UploadPages',
      refusals: {
        auth_failed: [{ code: 'InvalidAuthenticationToken', status: 401 }],
        forbidden: [
          { code: 'AuthorizationFailed', status: 403 },
          { code: 'DisabledSubscription', status: 409 },
        ],
        not_found: [
          { code: 'ResourceNotFound', status: 404 },
          { code: 'ResourceGroupNotFound', status: 404 },
        ],
        conflict: [
          { code: 'Conflict', status: 409 },
          { code: 'InUseSubnetCannotBeDeleted', status: 400 },
          { code: 'AttachDiskWhileBeingDetached', status: 409 },
        ],
        invalid_request: [
          { code: 'InvalidParameter', status: 400 },
          { code: 'InvalidRequestContent', status: 400 },
        ],
        capacity: [
          { code: 'SkuNotAvailable', status: 409 },
          { code: 'AllocationFailed', status: 409 },
          { code: 'ZonalAllocationFailed', status: 409 },
        ],
        quota_exceeded: [
          { code: 'OperationNotAllowed', status: 409 },
          { code: 'QuotaExceeded', status: 409 },
        ],
        throttled: [
          { code: 'TooManyRequests', status: 429, retryAfterSeconds: 3 },
          { code: 'SubscriptionRequestsThrottled', status: 429, retryAfterSeconds: 3 },
        ],
        unavailable: [
          { code: 'InternalServerError', status: 500 },
          { code: 'ServiceUnavailable', status: 503 },
        ],
      },
      // Following a long-running operation belongs to the call that began it.
      signIn: ['OAuth2_Token', 'OAuth2_Configuration', 'Operations_Get', 'Operations_GetResult'],
      unseen,
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
