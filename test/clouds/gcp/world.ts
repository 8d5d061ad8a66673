import type { Clock } from '#test/clouds/core/clock.ts'
import type { DiskStore } from '#test/clouds/core/disks.ts'
import type { Faults } from '#test/clouds/core/faults.ts'
import type { Machines } from '#test/clouds/core/machines.ts'
import type { ComputeWorld } from '#test/clouds/gcp/compute/world.ts'
import type { StorageWorld } from '#test/clouds/gcp/storage/world.ts'

/** How long things take, in milliseconds. */
export interface Delays {
  /** Of an operation of Compute Engine between PENDING and DONE. */
  operation: number
  /** Between PROVISIONING and RUNNING, STOPPING and TERMINATED, and so on. */
  vm: number
  snapshot: number
  image: number
  /** Until a list shows what was just created. */
  visible: number
  /** Of one step of a build. */
  build: number
}

/** One project of the loopback Google Cloud, with all of its services. */
export interface World {
  readonly project: string
  readonly projectNumber: string
  readonly clock: Clock
  readonly delays: Delays
  /** Most items on a page, even if more are asked for. */
  readonly pageLimit: number
  /** Base URL of the server. */
  url(): string
  readonly faults: Faults
  /** Bytes of disks, snapshots and images, by self link. */
  readonly disks: DiskStore
  readonly machines: Machines
  readonly compute: ComputeWorld
  readonly storage: StorageWorld
  /** Keeps work that goes on after a reply until the cloud closes. */
  later(work: Promise<unknown>): void
}
