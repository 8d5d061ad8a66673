import type { StoredObject } from '#test/clouds/core/objects.ts'
import type { TaskLife } from '#test/clouds/aws/images/tasks.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { currentVersion, type Bucket } from '#test/clouds/aws/s3/state.ts'
import type { Region, World } from '#test/clouds/aws/world.ts'

/** VM Import/Export acts as a role of the account; this one has the usual one. */
export function roleExists(name = 'vmimport'): void {
  if (name === 'vmimport') return
  throw new Refusal(
    'InvalidParameter',
    `The service role ${name} provided does not exist or does not have sufficient permissions`,
  )
}

/** The task that a token was used for. */
export function oncePerToken<T extends { clientToken: string | undefined; asked: string }>(
  tasks: ReadonlyMap<string, T>,
  token: string | undefined,
  asked: string,
): T | undefined {
  const known =
    token === undefined ? undefined : [...tasks.values()].find(({ clientToken }) => clientToken === token)
  if (known && known.asked !== asked)
    throw new Refusal('IdempotentParameterMismatch', 'The client token was used before with other parameters')
  return known
}

/** A bucket that the service can use: it must be in the task's own region. */
export function usableBucket(world: World, region: Region, name: string): Bucket {
  const bucket = world.services.buckets.get(name)
  if (bucket?.region === region.name) return bucket
  throw new Refusal('InvalidParameter', `The given S3 bucket is not local to the region: ${name}`)
}

export function readableObject(
  world: World,
  region: Region,
  name: string,
  key: string,
): StoredObject<undefined> {
  const version = currentVersion(usableBucket(world, region, name), key)
  const object = version && world.services.objects.stat(name, version.storeKey ?? '')
  if (object) return object
  throw new Refusal('InvalidParameter', `The given S3 object does not exist: ${name}/${key}`)
}

/** What failed is `deleted`, with the reason as its message. */
export const shownStatus = (state: TaskLife): string =>
  state === 'failed' || state === 'cancelled' ? 'deleted' : state
