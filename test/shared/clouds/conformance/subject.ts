import { createHash, randomUUID, type Hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Operation } from '#shared/clouds/operations.ts'
import type { Cloud, CloudRef, CloudSettings, CloudVm, Intent, VmDisk } from '#shared/clouds/port.ts'
import type { CopyManifest, DiskSink, DiskSource } from '#shared/disks/port.ts'
import type { Fault, LoopbackCloud } from '#test/clouds/core/types.ts'

/** Classes of CloudError that a vendor's refusal can come out as. */
export type ErrorClass =
  | 'auth_failed'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'invalid_request'
  | 'capacity'
  | 'quota_exceeded'
  | 'throttled'
  | 'unavailable'

/** A refusal to provoke. `vendorCode`: how the error names it, where that is not `code`. */
export type Refused = Pick<Fault, 'code' | 'status' | 'retryAfterSeconds'> & { vendorCode?: string }

/** What the conformance suite is run against: an adapter opened on a loopback cloud of its own. */
export interface Subject {
  cloud: Cloud
  loopback: LoopbackCloud
  region: string
  /** `workerId` of the settings the adapter was opened with. */
  workerId: string
  /** The raw disk in the cloud's default image. It must not boot: its bytes are compared after VMs ran on it. */
  imagePath: string
  /** One more adapter on the same loopback cloud, as another process has it, with these changes. Who asks closes it. */
  reopen(
    changes?: Partial<Pick<CloudSettings, 'credentials'>> & { options?: Record<string, unknown> },
  ): Promise<Cloud>
  /** Lets everybody read a bucket, as its owner might by mistake. */
  makePublic?(bucket: CloudRef): Promise<void>
  /** How this cloud names what the suite provokes. */
  dialect: {
    /** An instance type that boots x86_64 disks by BIOS and by UEFI, and one that boots the default image. */
    instanceType: string
    /** A larger type that such a VM can be changed to. */
    largerType: string
    /** More vCPUs than `instanceType` and the same memory, where VMs are resized while they run. */
    liveType?: string
    /** Where VMs and volumes are made together; undefined where the cloud needs none. */
    zone?: string
    /** The refusal of any call for too many of them. */
    throttled: Pick<Fault, 'code' | 'status' | 'retryAfterSeconds'>
    /** The refusal of `createVmOperation` for want of room. */
    capacity: Pick<Fault, 'code' | 'status'>
    createVmOperation: string
    /** Reads, and writes, a block or range of a disk. */
    readOperation: string
    writeOperation: string
    /**
     * How what the cloud keeps comes to be damaged: on its way in, after it was checked (the default), or by who has the disk (`writeDisk`), where
     * it is checked to the end.
     */
    storedDamage?: 'guest'
    /** Why lists have no pages, where they have none. */
    unpaged?: string
    /** Why VMs with encrypted disks cannot be suspended, where others can; the suite's are encrypted. */
    suspendRefused?: string
    /** Why a volume is only detached from a stopped VM, where the suite's guests cannot take part. */
    detachNeedsGuest?: string
    /** Why reads carry no checksum, where they do not: damage on the way then only shows when a copy is verified end to end. */
    readsUnchecked?: string
    /** The vendor's refusals by what they must come out as. */
    refusals: Readonly<Record<ErrorClass, readonly Refused[]>>
    /** A placement group and a customer's key that the loopback cloud has, where it has them. */
    placementGroup?: string
    customerKey?: string
    /** Vendor operations that come with any call, such as signing in. */
    signIn: readonly string[]
    /** Vendor calls that wait for what is under way: not made when it is done at once, as on a busy machine it may be. */
    waits?: readonly string[]
    /** Declared vendor calls that the suite does not provoke, each with the reason. */
    unseen: Readonly<Partial<Record<Operation, Readonly<Record<string, string>>>>>
  }
}

/** What `open` of a suite takes. */
export interface SubjectOptions {
  /** Most items on any page of any list. */
  pageLimit?: number
}

/** A new intent of a job; the same job gives the same owner tags. */
export const intentOf = (job: string): Intent => ({
  token: randomUUID(),
  tags: { 'novacron-tenant': 'acme', 'novacron-job': job, 'novacron-step': 'conformance' },
})

export const newJob = (): string => `job_${randomUUID()}`

/** Waits until `probe` gives something, for things that take their time. Fails after 15 s, saying what was waited for. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error(`waited 15 s for: ${what}`)
    await delay(10)
  }
}

export const untilState = (cloud: Cloud, ref: CloudRef, state: CloudVm['state']): Promise<CloudVm> =>
  until(`${ref.id} to be ${state}`, async () => {
    const vm = await cloud.compute.get(ref)
    return vm?.state === state && vm
  })

export const untilGone = (cloud: Cloud, ref: CloudRef): Promise<true> =>
  until(`${ref.id} to be gone`, async () => {
    const vm = await cloud.compute.get(ref)
    return vm === undefined || vm.state === 'terminated'
  })

export async function untilReady(cloud: Cloud, snapshot: CloudRef): Promise<CloudRef> {
  await until(
    `${snapshot.id} to be ready`,
    async () => (await cloud.disks.snapshotState(snapshot)) === 'ready',
  )
  return snapshot
}

/** A running VM of the default image. */
export async function runVm({ cloud, region, dialect }: Subject, job: string): Promise<CloudVm> {
  const vm = await cloud.compute.create({
    ...intentOf(job),
    region,
    name: 'conformance',
    ...(dialect.zone ? { zone: dialect.zone } : {}),
    instanceType: dialect.instanceType,
    boot: { image: undefined },
  })
  return untilState(cloud, vm, 'running')
}

/** Deletes everything of a job, in the order the inventory gives, and waits until nothing is left. */
export async function removeAll({ cloud, loopback, region }: Subject, job: string): Promise<void> {
  await until(`nothing of ${job} to be left`, async () => {
    for await (const resource of cloud.inventory.owned({ region, tags: { 'novacron-job': job } })) {
      await cloud.inventory.remove(resource).catch((error: { retryable?: boolean }) => {
        if (error.retryable !== true) throw error
      })
    }
    return residueOf(loopback, job).length === 0
  })
}

export const residueOf = (loopback: LoopbackCloud, job: string) =>
  loopback.residue().filter(({ tags }) => tags['novacron-job'] === job)

export const rootOf = (vm: CloudVm): VmDisk => {
  const [root] = vm.disks
  if (!root) throw new Error(`${vm.id} has no disk`)
  return root
}

export const digest = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest()

/** Writes these chunks (of equal length, by offset) and gives the manifest to seal with. */
export async function writeChunks(
  sink: DiskSink,
  chunks: ReadonlyMap<number, Buffer>,
): Promise<CopyManifest> {
  for (const [offset, data] of chunks) await sink.write({ offset, data, sha256: digest(data) })
  await sink.flush()
  return manifestOf(sink, chunks)
}

export const manifestOf = (sink: DiskSink, chunks: ReadonlyMap<number, Buffer>): CopyManifest => ({
  sizeBytes: sink.sizeBytes,
  chunkBytes: sink.preferredChunkBytes,
  async *chunks() {
    for (const [offset, data] of [...chunks].toSorted(([a], [b]) => a - b)) {
      yield { offset, length: data.length, sha256: digest(data) }
    }
  },
})

/** Reads every allocated extent in pieces that suit the source; by offset. */
export async function* readAllocated(source: DiskSource): AsyncGenerator<[offset: number, data: Buffer]> {
  let end = 0
  for await (const extent of source.extents()) {
    if (extent.offset < end || extent.length <= 0)
      throw new Error(`extents overlap or go back at ${extent.offset}`)
    end = extent.offset + extent.length
    if (end > source.sizeBytes)
      throw new Error(`extent ends at ${end}, beyond the disk of ${source.sizeBytes}`)
    for (let offset = extent.offset; offset < end; offset += source.preferredChunkBytes) {
      const length = Math.min(source.preferredChunkBytes, end - offset)
      yield [offset, await source.read({ offset, length })]
    }
  }
}

/**
 * The digest of what a disk holds: of every 4 KiB that is not zero, with its place. So two disks of different sizes, or with different
 * blocks allocated, compare equal if they read the same.
 */
export async function digestOfDisk(source: DiskSource): Promise<string> {
  const content = createHash('sha256')
  for await (const [offset, data] of readAllocated(source)) addContent(content, offset, data)
  return content.digest('hex')
}

export const digestOfFile = async (path: string): Promise<string> => digestOfBytes(await readFile(path))

export function digestOfBytes(bytes: Buffer): string {
  const content = createHash('sha256')
  addContent(content, 0, bytes)
  return content.digest('hex')
}

function addContent(content: Hash, offset: number, data: Buffer): void {
  for (let at = 0; at < data.length; at += zeros.length) {
    const granule = data.subarray(at, at + zeros.length)
    if (granule.equals(zeros.subarray(0, granule.length))) continue
    content.update(String(offset + at)).update(granule)
  }
}

const zeros = Buffer.alloc(4096)
