import { setTimeout as delay } from 'node:timers/promises'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Operation } from '#shared/clouds/operations.ts'
import type { CloudImage, CloudRef, CloudVm, CloudVolume, Intent, TaskState } from '#shared/clouds/port.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { intentOf, until, type Subject } from '#test/shared/clouds/conformance/subject.ts'

/** Does the cloud say that it can? A cloud that says nothing about an operation fails here. */
export function can({ cloud }: Subject, operation: Operation): boolean {
  const capability = (
    cloud.capabilities.operations as Partial<Subject['cloud']['capabilities']['operations']>
  )[operation]
  if (capability === undefined) throw new Error(`the capabilities do not declare ${operation}`)
  return 'calls' in capability
}

/** A request for a VM of the default image and size. */
export const vmRequest = ({ region, dialect }: Subject, job: string, name = 'conformance') => ({
  ...intentOf(job),
  region,
  name,
  instanceType: dialect.instanceType,
  boot: { image: undefined },
})

/** The zone of a VM, for what must share it. */
export const zoneOf = ({ zone }: Pick<CloudVm, 'zone'>) => (zone === undefined ? {} : { zone })

/** An empty volume, once it can be attached. */
export async function makeVolume(
  subject: Subject,
  job: string,
  wishes: Partial<Parameters<Subject['cloud']['storage']['volumes']['create']>[0]> = {},
): Promise<CloudVolume> {
  const { cloud, region, dialect } = subject
  const ref = await cloud.storage.volumes.create({
    ...intentOf(job),
    region,
    ...zoneOf(dialect),
    name: 'data',
    sizeGib: 10,
    type: 'ssd',
    ...wishes,
  })
  return untilVolume(subject, ref, 'available')
}

export const untilVolume = (
  { cloud }: Subject,
  ref: CloudRef,
  state: CloudVolume['state'],
): Promise<CloudVolume> =>
  until(`${ref.id} to be ${state}`, async () => {
    const volume = await cloud.storage.volumes.get(ref)
    return volume?.state === state && volume
  })

export const untilImage = ({ cloud }: Subject, ref: CloudRef): Promise<CloudImage> =>
  until(`${ref.id} to be ready`, async () => {
    const image = await cloud.images.get(ref)
    if (image?.state === 'failed') throw new Error(`the image ${ref.id} has failed`)
    return image?.state === 'ready' && image
  })

/** Waits for the end of an import or export, however it ends. */
export const untilTaskEnds = ({ cloud }: Subject, task: CloudRef): Promise<TaskState> =>
  until(`the task ${task.id} to end`, async () => {
    const seen = await cloud.images.taskState(task)
    return seen?.state !== 'pending' && seen
  })

/** The image of an import that must succeed. */
export async function imageOfTask(subject: Subject, task: CloudRef): Promise<CloudRef> {
  const { state, image, message } = await untilTaskEnds(subject, task)
  if (state !== 'ready' || image === undefined) throw new Error(`the task ${task.id} is ${state}: ${message}`)
  return image
}

/** A bucket with a name of its own. */
export const makeBucket = (
  { cloud, region }: Subject,
  intent: Intent,
  name = `nc-${intent.token.slice(0, 13)}`,
): Promise<CloudRef> =>
  cloud.storage.buckets.create({ ...intent, region, name, versioning: false, lifecycle: [] })

/** How a list shows a thing, every time that it does: waits until it does, since lists may lag behind. */
export const listedAs = <T extends { id: string }>(
  { id }: Pick<CloudRef, 'id'>,
  list: () => AsyncIterable<T>,
): Promise<T[]> =>
  until(`${id} to be listed`, async () => {
    const found = (await Array.fromAsync(list())).filter((each) => each.id === id)
    return found.length > 0 && found
  })

/** Names of the changing vendor calls that `work` makes, in order and without repeats. */
export async function changesOf({ loopback }: Subject, work: () => Promise<unknown>): Promise<string[]> {
  const lastSeq = loopback.calls().at(-1)?.seq ?? 0
  await work()
  const made = loopback.calls().filter(({ seq, mutating }) => seq > lastSeq && mutating)
  return [...new Set(made.map(({ operation }) => operation))]
}

/** Tries again what is worth trying again, as the runner does: at once for up to five times, then as long as the cloud says `conflict`. */
export async function insist<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 10_000
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof CloudError && error.retryable)) throw error
      const waits = error.code === 'conflict' && Date.now() < deadline
      if (attempt >= 5 && !waits) throw error
      if (waits) await delay(10)
    }
  }
}

/** What `work` throws; undefined if it does not. */
export const refusalOf = async (work: () => Promise<unknown>): Promise<CloudError | undefined> => {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof CloudError) return error
    throw error
  }
}

/** Runs `work` with a fault waiting, and takes the fault back. */
export async function withFault<T>({ loopback }: Subject, fault: Fault, work: () => Promise<T>): Promise<T> {
  loopback.inject(fault)
  try {
    return await work()
  } finally {
    loopback.clearFaults()
  }
}
