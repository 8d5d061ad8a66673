import type { Architecture, CloudRef, Firmware, VmDisk } from '#shared/clouds/port.ts'

/** What a migration is asked to do, as the API submits it. */
export interface MigrationInput {
  migration_id: string
  /** Our `vm_…` id or the source cloud's own. */
  vm_id: string
  source_provider_id: string
  destination_provider_id: string
  /** Default: the destination provider's default region. */
  destination_region?: string
  destination_config?: DestinationConfig
  /** Delete the source once the migration stands; otherwise it is kept, stopped. */
  delete_source: boolean
  options?: { boot_check?: BootCheckOptions }
}

export interface DestinationConfig {
  name?: string
  /** A size of the destination cloud, or a generic one (`medium`). Default: the smallest that has the source's vCPUs and memory. */
  instance_type?: string
  zone?: string
  key_pair?: string
  security_groups?: string[]
}

export interface BootCheckOptions {
  /** Regular expression that the destination's console must show. */
  expect?: string
  /** How long to wait for it, in milliseconds. */
  timeout_ms?: number
  /** Fail (and roll back) when the boot cannot be proved. Default: only when `expect` is given. */
  required?: boolean
}

/** The VM to move, as preflight found it. */
export interface SourceVm {
  /** Our own id. */
  vmId: string
  providerId: string
  ref: CloudRef
  name: string
  architecture: Architecture
  firmware: Firmware | undefined
  wasRunning: boolean
  /** Boot disk first. */
  disks: VmDisk[]
  tags: Record<string, string>
}

/** Where it goes, as preflight decided it. */
export interface Target {
  providerId: string
  region: string
  zone?: string
  instanceType: string
  name: string
  keyPair?: string
  securityGroups?: string[]
}

/** One thing that preflight looked at. */
export interface Finding {
  check: string
  severity: 'critical' | 'warning' | 'information'
  message: string
  remedy?: string
}

/** What the boot disk itself says of the guest. */
export interface Guest {
  firmware: Firmware
  /** Where `firmware` was learnt: the source cloud, or the disk's own partition table. */
  firmwareFrom: 'cloud' | 'disk' | 'assumed'
  partitionTable: string
  filesystems: string[]
}

export interface TransferMetrics {
  bytesCopied: number
  bytesTotal: number
  elapsedMs: number
}

/** One disk, proved: the digests were taken at either end, independently. */
export interface DiskProof {
  sourceDisk: string
  destinationDisk: string
  sizeBytes: number
  sourceDigest: string
  destinationDigest: string
}

export interface BootProof {
  outcome: 'proved' | 'unproved'
  /** The console line that proves it, or why there is none. */
  evidence: string
  /** When the evidence was seen, or (without any) the destination running; ISO 8601. */
  runningAt: string
}

/** What the steps of a migration hand to each other. */
export interface MigrationVars {
  source: SourceVm
  target: Target
  findings: Finding[]
  /** When the source was seen stopped, ISO 8601; undefined in a dry state: it was stopped before. */
  stoppedAt: string | null
  /** Of the source's disks, in their order. */
  snapshots: CloudRef[]
  guest: Guest
  /** Of the destination's disks, in the same order. */
  disks: CloudRef[]
  /** Ids of the copy journals, in the same order. */
  transfers: string[]
  transfer: TransferMetrics
  proofs: DiskProof[]
  verificationMs: number
  adaptation: string[]
  destination: CloudRef
  boot: BootProof
}
