import { z } from '@hono/zod-openapi'
import { parseDuration } from '#api/http/duration.ts'

/** How long a VM may stand still while it is moved. */
export const maxDowntime = z
  .string()
  .max(40)
  .refine((given) => parseDuration(given) !== undefined, {
    error: 'must be a duration',
    params: { remedy: 'Write it as 250ms, 1s or PT1S.' },
  })
  .optional()
  .openapi({
    description: 'How long a running VM may stand still while it is moved; `1s` if left out.',
    example: '250ms',
  })

export const downtimeInput = (given: string | undefined): { max_downtime_ms?: number } => {
  const ms = given === undefined ? undefined : parseDuration(given)
  return ms === undefined ? {} : { max_downtime_ms: ms }
}
