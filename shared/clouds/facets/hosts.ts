import type { CloudRef } from '#shared/clouds/facets/terms.ts'

/** A hypervisor host; its id is its name, which is the zone of the VMs on it. */
export interface CloudHost extends CloudRef {
  /** `maintenance`: takes no new VMs. `unreachable`: `message` says why. */
  state: 'ready' | 'maintenance' | 'unreachable'
  message?: string
  hypervisor?: string
  /** How its guests run, found by booting one; `reason` says why it is emulation. */
  acceleration?: { kind: 'kvm' | 'tcg'; reason: string }
  /** `total`: of the machine. `limit`: may be given to VMs, over-commit included. `used`: is given to VMs. */
  vcpus: { total?: number; limit?: number; used: number }
  memoryMib: { total?: number; limit?: number; used: number }
  pools: { name: string; totalBytes: number; freeBytes: number }[]
  vms: number
}

/** Where a VM went, and how. */
export interface Relocation {
  /** The host it is on now. */
  zone: string
  /** It ran all the while, but for `downtimeMs`. False: it was off, and its disks were copied. */
  live: boolean
  downtimeMs?: number
}

/** Hosts of the user's own. Clouds that keep theirs to themselves lack it all. */
export interface HostsFacet {
  list(query: { region: string }): AsyncIterable<CloudHost>
  /** Takes a host out of service for new VMs, or back into it. Safe to repeat. */
  setMaintenance(host: CloudRef, on: boolean): Promise<void>
  /**
   * Moves a VM with its disks to another host of its region: one that runs without stopping it for longer than `maxDowntimeMs` (default 1000),
   * one that is off by copying. `zone`: the host; undefined takes the one with the most room. Being there already is fine. Safe to repeat: a
   * move that was cut off is finished or taken back, and never do two of it run.
   * @throws CloudError `capacity` if no host has room; `conflict` if it cannot be moved within `maxDowntimeMs`: then it is where it was.
   */
  relocate(
    vm: CloudRef,
    wishes?: {
      zone?: string
      maxDowntimeMs?: number
      onProgress?: (done: number, total: number) => void
    },
  ): Promise<Relocation>
}
