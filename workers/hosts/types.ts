import type { Relocation } from '#shared/clouds/port.ts'
import type { ActionInput } from '#workers/provisioning/types.ts'

/** What `POST /vms/{id}/relocate` submits. */
export interface RelocateInput extends ActionInput {
  /** The host to go to; left out it is the one with the most room. */
  zone?: string
  /** Milliseconds. */
  max_downtime_ms?: number
}

export interface RelocateVars {
  relocation: Relocation
}

/** What a host is drained, or opened again, with. */
export interface HostInput {
  provider_id: string
  region: string
  host: string
  /** Milliseconds, of each VM. */
  max_downtime_ms?: number
}

export interface DrainVars {
  wasOpen: boolean
  moved: { vm_id: string; name: string; to: string; live: boolean; downtime_ms: number | null }[]
}
