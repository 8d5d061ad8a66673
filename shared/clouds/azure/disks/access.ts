import type { PageBlobClient } from '@azure/storage-blob'
import type { ArmId } from '#shared/clouds/azure/names.ts'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'

/** An access signature lives this long; a longer copy renews it (see `GrantedBlob.use`). */
const grantSeconds = 24 * 3600

export type AccessLevel = 'Read' | 'Write'
/** A managed disk or a snapshot. */
export type Grantable = ArmId & { kind: 'disk' | 'snapshot' }

/** The bytes of a disk or snapshot behind an access signature. */
export interface GrantedBlob {
  /** Runs a call on the blob; where the signature has expired or was revoked, takes a new one and runs it once more. */
  use<T>(operation: string, work: (blob: PageBlobClient) => Promise<T>): Promise<T>
}

/** Grants access to the bytes of a disk or snapshot, also if an earlier holder died without giving its grant back. */
export async function openBlob(
  client: AzureClient,
  target: Grantable,
  level: AccessLevel,
): Promise<GrantedBlob> {
  let current = grantAgain(client, target, level)
  const blob = await current

  return {
    async use(operation, work) {
      const used = current
      try {
        return await client.call(operation, async () => work((await used) ?? blob))
      } catch (error) {
        if (!(error instanceof CloudError) || error.code !== 'forbidden') throw error
        // Many reads find out at once; the first renews for all.
        if (current === used) current = grantAgain(client, target, level)
        const renewed = await current
        return client.call(operation, () => work(renewed))
      }
    },
  }
}

/**
 * Ends access to a disk or snapshot; one without access is fine. For a disk being uploaded this ends the upload: Azure then
 * checks the VHD footer and keeps the disk in its upload state, with error InvalidVhd, when there is none yet.
 */
export async function revokeAccess(client: AzureClient, target: Grantable): Promise<void> {
  const { group, name } = target
  try {
    if (target.kind === 'disk') {
      await client.finish('Disks_RevokeAccess', (pace) =>
        client.compute.disks.revokeAccess(group, name, pace),
      )
    } else {
      await client.finish('Snapshots_RevokeAccess', (pace) =>
        client.compute.snapshots.revokeAccess(group, name, pace),
      )
    }
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Ends access whatever state an upload is in: for taking it over, or before deleting the disk. */
export async function revokeUnfinished(client: AzureClient, target: Grantable): Promise<void> {
  try {
    await revokeAccess(client, target)
  } catch (error) {
    if (!(error instanceof CloudError) || error.vendorCode !== 'InvalidVhd') throw error
  }
}

/** Azure gives one signature at a time: where one is out (409), it belongs to a holder that is gone, and is taken back first. */
async function grantAgain(
  client: AzureClient,
  target: Grantable,
  level: AccessLevel,
): Promise<PageBlobClient> {
  try {
    return await grant(client, target, level)
  } catch (error) {
    if (!(error instanceof CloudError) || error.code !== 'conflict') throw error
    await revokeUnfinished(client, target)
    return grant(client, target, level)
  }
}

async function grant(client: AzureClient, target: Grantable, level: AccessLevel): Promise<PageBlobClient> {
  const { group, name } = target
  const data = { access: level, durationInSeconds: grantSeconds }
  const { accessSAS } =
    target.kind === 'disk'
      ? await client.finish('Disks_GrantAccess', (pace) =>
          client.compute.disks.grantAccess(group, name, data, pace),
        )
      : await client.finish('Snapshots_GrantAccess', (pace) =>
          client.compute.snapshots.grantAccess(group, name, data, pace),
        )
  if (accessSAS) return client.blob(accessSAS)
  throw new CloudError(`Azure granted access to ${name} without giving an access signature.`, {
    cloud: 'azure',
    operation: 'grant access',
    code: 'cloud_error',
    kind: 'retryable',
  })
}
