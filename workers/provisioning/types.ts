import type { CloudRef, Encryption, Tenancy } from '#shared/clouds/port.ts'

/** What `POST /vms` submits: our id of the VM, where it goes, and the wishes under their names at the API. */
export interface CreateInput {
  vm_id: string
  provider_id: string
  region: string
  name: string
  /** Generic (`medium`) or the cloud's own. */
  instance_type?: string
  /** vCPUs; counts only without `instance_type`. */
  cpu?: number
  /** MiB; counts only without `instance_type`. */
  memory?: number
  /** GiB of the boot disk. */
  storage?: number
  image_id?: string
  availability_zone?: string
  key_pair?: string
  security_groups?: string[]
  user_data?: string
  tags?: Record<string, string>
  /** Buys at the spot price; `max_hourly_price` in US dollars, a decimal string. */
  spot?: { max_hourly_price?: string }
  tenancy?: Tenancy
  placement_group?: string
  /** The cloud's own id. */
  subnet?: string
  detailed_monitoring?: boolean
  encryption?: Encryption
}

export interface CreateVars {
  /** The cloud's own size. */
  instance_type: string
  vm: CloudRef
}

/** What an action on a VM is submitted with. */
export interface ActionInput {
  vm_id: string
  provider_id: string
  region: string
  /** The cloud's own id; null for a VM that was never made. */
  cloud_vm_id: string | null
}

/** What `PUT /vms/{id}` submits. */
export interface UpdateInput extends ActionInput {
  /** All of the user's tags, as they are to be. */
  tags?: Record<string, string>
  /** Generic or the cloud's own. */
  instance_type?: string
  /** A VM that runs may be stopped for the resize, and is started again. */
  allow_stop?: boolean
}

export interface ResizeVars {
  /** The cloud's own sizes. */
  before: string
  wanted: string
  wasRunning: boolean
  /** It got its new size while it ran. */
  live: boolean
}
