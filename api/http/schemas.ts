import { z } from '@hono/zod-openapi'

/** The shape of every error. */
export const problemSchema = z
  .looseObject({
    type: z.string().openapi({ description: 'Where the code is explained.' }),
    title: z.string(),
    status: z.int(),
    code: z.string().openapi({ description: 'Stable; what programs match on.' }),
    detail: z.string().openapi({ description: 'What happened and why.' }),
    remedy: z.string().optional().openapi({ description: 'What to do about it.' }),
    errors: z
      .array(z.object({ field: z.string(), reason: z.string(), remedy: z.string() }))
      .optional()
      .openapi({ description: 'The fields that are wrong, one by one.' }),
    request_id: z.string(),
  })
  .openapi('Problem', {
    description: 'RFC 9457. Some problems have more members, e.g. `links` to what is in the way.',
  })

export const time = z.iso.datetime().openapi({ description: 'UTC with milliseconds.' })
export const links = z
  .record(z.string(), z.string())
  .openapi({ description: 'Addresses of what belongs to it, by name.' })
export const warnings = z
  .array(z.string())
  .openapi({ description: 'Demands of the request that are not honoured, each starting with its field.' })
export const tags = z.record(z.string(), z.string())
