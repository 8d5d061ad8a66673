import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAzure } from '#shared/clouds/azure/azure.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import { encryptionSetType, placementType, userMade } from '#test/clouds/azure/context.ts'
import { createRaw, type Raw } from '#test/clouds/azure/raw.ts'
import { startAzure, type AzureOptions } from '#test/clouds/azure/server.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { unseen } from '#test/shared/clouds/azure/unseen.ts'
import { writeBaseImage } from '#test/shared/clouds/conformance/base-image.ts'
import type { Subject, SubjectOptions } from '#test/shared/clouds/conformance.ts'

export const region = 'eastus'

export type AzureSubject = Subject & {
  loopback: StartedCloud
  settings: CloudSettings
  /** Plain requests to it, as any program would send them. */
  raw: Raw
}

/** The registration of a loopback Azure. */
export const settingsFor = (loopback: StartedCloud, changes: Partial<CloudSettings> = {}): CloudSettings => ({
  providerId: 'azure-test',
  type: 'azure',
  credentials: loopback.credentials,
  regions: loopback.regions,
  defaultRegion: region,
  endpoints: loopback.endpoints,
  options: { ...loopback.options, request_timeout_ms: 20_000, poll_ms: 5 },
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
  await writeBaseImage(imagePath)
  const loopback = await startAzure({
    dir,
    imagePath,
    boot: false,
    delaysMs: { vmCreate: 20, vmStart: 15, vmStop: 15, vmDelete: 15, snapshot: 15, disk: 5, network: 5 },
    ...(pageLimit === undefined ? {} : { pageSize: pageLimit }),
    ...options,
  })
  const settings = settingsFor(loopback)
  const raw = createRaw(loopback)
  return {
    cloud: await openAzure(settings),
    loopback: {
      ...loopback,
      async close() {
        raw.close()
        await loopback.close()
        await rm(dir, { recursive: true, force: true })
      },
    },
    settings,
    raw,
    region,
    workerId: settings.workerId,
    imagePath,
    reopen: ({ options: own, ...changes } = {}) =>
      openAzure(settingsFor(loopback, { ...changes, options: { ...settings.options, ...own } })),
    makePublic: (bucket) => openToAll(loopback, bucket.id),
    dialect: {
      instanceType: 'Standard_D2s_v5',
      largerType: 'Standard_D4s_v5',
      placementGroup: userMade(loopback.credentials['subscription_id'] ?? '', placementType, 'near'),
      customerKey: userMade(loopback.credentials['subscription_id'] ?? '', encryptionSetType, 'keys'),
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
          { code: 'TooManyRequests', status: 429, retryAfterSeconds: 0 },
          { code: 'SubscriptionRequestsThrottled', status: 429, retryAfterSeconds: 0 },
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

/** As somebody would in the portal: first the account is allowed to have public containers, then the container is made one. */
async function openToAll(loopback: StartedCloud, bucketId: string): Promise<void> {
  const raw = createRaw(loopback)
  const [account, container] = bucketId.split('/')
  const path = `/resourceGroups/novacron/providers/Microsoft.Storage/storageAccounts/${account}`
  const version = 'api-version=2026-09-01'
  const { json: found } = await raw.arm('GET', `${path}?${version}`)
  const opened = await raw.arm('PUT', `${path}?${version}`, {
    location: found['location'],
    tags: found['tags'],
    kind: 'StorageV2',
    sku: { name: 'Standard_LRS' },
    properties: { allowBlobPublicAccess: true },
  })
  const open = { properties: { publicAccess: 'Blob' } }
  const made = await raw.arm('PUT', `${path}/blobServices/default/containers/${container}?${version}`, open)
  raw.close()
  if (opened.status !== 200 || made.status !== 200) throw new Error(opened.text + made.text)
}
