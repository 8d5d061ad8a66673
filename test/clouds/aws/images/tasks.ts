import type { Life } from '#test/clouds/core/clock.ts'
import type { Tagged } from '#test/clouds/aws/world.ts'

/** What VM Import/Export has under way or has done. `failed` is shown as `deleted` with the reason, as the service does. */
export type TaskLife = 'active' | 'completed' | 'failed' | 'cancelled'

export interface ImportTask extends Tagged {
  region: string
  description: string
  architecture: string
  bootMode: string | undefined
  clientToken: string | undefined
  asked: string
  life: Life<TaskLife>
  /** Why it failed. */
  reason: string | undefined
  url: { bucket: string; key: string }
  format: string
  imageId: string | undefined
  snapshotId: string | undefined
}

export interface ExportTask extends Tagged {
  region: string
  description: string
  clientToken: string | undefined
  asked: string
  life: Life<TaskLife>
  reason: string | undefined
  imageId: string
  format: string
  bucket: string
  prefix: string
}
