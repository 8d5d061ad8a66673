import type { DescribeSnapshotsRequest, Snapshot } from '@aws-sdk/client-ec2'
import type { CloudRef, DisksFacet } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { intentTags, tagFilters, tokenTag, toTags } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { bounds, waitFor } from '#shared/clouds/aws/waiting.ts'

type SnapshotRequest = Parameters<DisksFacet['createSnapshot']>[0]

/**
 * One snapshot per intent, although CreateSnapshot takes no idempotency token:
 * 1. every snapshot carries the token as a tag, set in the creating call itself, and is looked for by it first;
 * 2. the call is sent once; if its reply is lost, the tag is looked for until the service must know it, before an error is given;
 * 3. should two exist all the same (the process died in that window), every caller agrees on the one that was started first and
 *    deletes the others. Only a snapshot that is the agreed one is ever given out.
 */
export async function ensureSnapshot(aws: AwsClients, request: SnapshotRequest): Promise<CloudRef> {
  const { region } = request
  const known = await agreeOnOne(aws, region, request.token)
  if (known !== undefined) return { region, id: known }
  const made = await create(aws, request)
  // Looked for by its tag, so that what is given out is known to the service and has no older twin.
  const agreed = await waitFor(() => agreeOnOne(aws, region, request.token), bounds(aws))
  const id = agreed ?? made
  if (id !== undefined) return { region, id }
  throw new CloudError(`AWS CreateSnapshot in ${region}: the reply was lost, and no snapshot was made.`, {
    cloud: 'aws',
    operation: 'CreateSnapshot',
    code: 'network',
    kind: 'retryable',
    remedy: 'It is tried again. If it lasts, check the way to the endpoint.',
  })
}

/** The snapshot as EC2 describes it, or undefined if it is not known (any more, or yet). */
export async function findSnapshot(aws: AwsClients, { region, id }: CloudRef): Promise<Snapshot | undefined> {
  try {
    for await (const snapshot of describeSnapshots(aws, region, { SnapshotIds: [id] })) return snapshot
    return undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

export async function* describeSnapshots(
  aws: AwsClients,
  region: string,
  query: DescribeSnapshotsRequest,
): AsyncGenerator<Snapshot> {
  // EC2 refuses a page size together with ids.
  const size = query.SnapshotIds === undefined ? { MaxResults: 500 } : {}
  const all = pages((token) =>
    aws.ec2(region, 'DescribeSnapshots', (ec2, http) =>
      ec2.describeSnapshots({ ...query, ...size, ...token }, http),
    ),
  )
  for await (const { Snapshots = [] } of all) yield* Snapshots
}

/** Deletes a snapshot. Gone already is fine; used by an image throws `conflict`. */
export async function deleteSnapshot(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'DeleteSnapshot', (ec2, http) => ec2.deleteSnapshot({ SnapshotId: id }, http))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Deletes a snapshot and whatever else its intent made twice (see `ensureSnapshot`). */
export async function deleteWithTwins(aws: AwsClients, ref: CloudRef): Promise<void> {
  const token = toTags((await findSnapshot(aws, ref))?.Tags)[tokenTag]
  await deleteSnapshot(aws, ref)
  if (token === undefined) return
  for await (const { SnapshotId: id } of withToken(aws, ref.region, token)) {
    if (id !== undefined && id !== ref.id) await deleteSnapshot(aws, { region: ref.region, id })
  }
}

/** Deletes a snapshot whose image was just deregistered: EC2 may hold it in use a moment longer. */
export async function eraseSnapshot(aws: AwsClients, ref: CloudRef): Promise<void> {
  let refusal: unknown
  const erased = await waitFor(async () => {
    try {
      await deleteSnapshot(aws, ref)
      return true
    } catch (error) {
      if (!(error instanceof CloudError && error.code === 'conflict')) throw error
      refusal = error
      return undefined
    }
  }, bounds(aws))
  if (!erased) throw refusal
}

/** What a person reads in the console. */
const descriptionOf = ({ name, vm, disk }: SnapshotRequest): string =>
  name ?? (vm === undefined ? disk.id : `${vm.id} ${disk.id}`)

async function create(aws: AwsClients, request: SnapshotRequest): Promise<string | undefined> {
  try {
    const { SnapshotId } = await aws.ec2Once(request.region, 'CreateSnapshot', (ec2, http) =>
      ec2.createSnapshot(
        {
          VolumeId: request.disk.id,
          Description: descriptionOf(request),
          TagSpecifications: [{ ResourceType: 'snapshot' as const, Tags: intentTags(request, request.name) }],
        },
        http,
      ),
    )
    return SnapshotId
  } catch (error) {
    const maybeMade =
      error instanceof CloudError && ['network', 'timeout', 'unavailable'].includes(error.code)
    if (maybeMade) return undefined
    throw error
  }
}

/** The oldest usable snapshot of the intent; younger twins and failed ones are deleted. */
async function agreeOnOne(aws: AwsClients, region: string, token: string): Promise<string | undefined> {
  const found: { id: string; startedAt: number; failed: boolean }[] = []
  for await (const { SnapshotId: id = '', StartTime, State } of withToken(aws, region, token)) {
    found.push({ id, startedAt: StartTime?.getTime() ?? 0, failed: State === 'error' })
  }
  found.sort(
    (a, b) => Number(a.failed) - Number(b.failed) || a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1),
  )
  const [agreed] = found
  for (const { id, failed } of found) {
    if (failed || id !== agreed?.id) await deleteSnapshot(aws, { region, id })
  }
  return agreed?.failed ? undefined : agreed?.id
}

const withToken = (aws: AwsClients, region: string, token: string) =>
  describeSnapshots(aws, region, { OwnerIds: ['self'], Filters: tagFilters({ [tokenTag]: token }) })
