/** What the loopback clouds share. Each cloud differs from the others only in its wire protocol and its rules. */

/** A fault to inject, given to the control endpoint. */
export interface Fault {
  /** Vendor operation, e.g. `RunInstances`, `PutSnapshotBlock`, `VirtualMachines_CreateOrUpdate`; `*` is any. */
  operation: string
  /** How many matching calls are hit; default 1. */
  times?: number
  /** Matching calls let through first; default 0. */
  skip?: number
  /**
   * `error`: answer with `code`/`status` and do nothing; `hang`: never answer; `drop_reply`: do it, then cut the connection;
   * `delay`: wait `delayMs`, then do it; `hold`: wait until faults are cleared, then do it; `corrupt_read`: flip a byte of the data that is sent, keeping the vendor's checksum header of the
   * true data; `corrupt_stored`: accept the data, then flip a byte of what is kept.
   */
  mode: 'error' | 'hang' | 'drop_reply' | 'delay' | 'hold' | 'corrupt_read' | 'corrupt_stored'
  /** Vendor error code and HTTP status, for `error`. */
  code?: string
  status?: number
  retryAfterSeconds?: number
  delayMs?: number
}

/** One request that arrived. Kept by the call log in order of arrival. */
export interface Call {
  seq: number
  /** When it had arrived whole, body and all. Milliseconds since the epoch. */
  atMs: number
  /** When its headers had arrived: the caller can no longer call it back. */
  begunAtMs: number
  operation: string
  /** Does the operation change anything? */
  mutating: boolean
  userAgent: string
  /** Resource the call speaks of, if it names one. */
  resource?: string
  status?: number
  /** When it had had its effect. Milliseconds since the epoch. */
  doneAtMs?: number
}

/** A disk's bytes, kept in a sparse file. */
export interface StoredDisk {
  readonly id: string
  readonly path: string
  readonly sizeBytes: number
}

/** A running loopback cloud. `/_control/…` (see control.ts) does the same over HTTP. */
export interface LoopbackCloud {
  /** Base URL, e.g. `https://127.0.0.1:40123`. */
  readonly url: string
  /** PEM of the private CA that signed the server's certificate (https only). */
  readonly caPem: string | undefined
  inject(fault: Fault): void
  clearFaults(): void
  calls(): readonly Call[]
  clearCalls(): void
  /** Everything that exists and costs money, by kind: what a leak test counts. */
  residue(): { kind: string; id: string; state: string; tags: Record<string, string> }[]
  /** Adds that many running VMs of the default size, each with a name of its own, to its state: without calls, time or quota. */
  populate(count: number): void | Promise<void>
  /** Writes to a disk by the vendor's id, as the guest that runs on it does. */
  writeDisk(id: string, offset: number, data: Buffer): Promise<void>
  close(): Promise<void>
}

/** What every loopback cloud takes when it is started. */
export interface LoopbackOptions {
  /** Where it keeps its disks and consoles. */
  dir: string
  /** A raw disk to serve as its default Linux image. */
  imagePath?: string
  /** Called on `POST /_control/shutdown`. */
  shutdown?: () => void
}

/** A loopback cloud with what is needed to register it as a provider: fields as in `CloudSettings`. */
export interface StartedCloud extends LoopbackCloud {
  credentials: Record<string, string>
  endpoints: Record<string, string>
  options: Record<string, unknown>
  regions: string[]
}
