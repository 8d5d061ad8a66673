import { z } from '@hono/zod-openapi'
import { compilePattern } from '#shared/pattern.ts'
import { parseDuration } from '#api/http/duration.ts'
import { instanceType, regionSchema, vmNameSchema } from '#api/routes/vm-input.ts'

const text = z.string().min(1).max(255)

/** `5m` or ISO 8601; becomes milliseconds. */
const duration = (longestMs: number) =>
  z
    .string()
    .max(40)
    .transform((given, context) => {
      const ms = parseDuration(given)
      if (ms !== undefined && ms <= longestMs) return ms
      context.addIssue({
        code: 'custom',
        message: ms === undefined ? 'is not a duration' : `is longer than ${longestMs / 3_600_000} h`,
        params: { remedy: 'Write it like "5m", "1h30m" or "PT5M".' },
      })
      return z.NEVER
    })
    .openapi({
      type: 'string',
      example: '5m',
      description: 'A duration: `5m`, `1h30m`, `90s` or ISO 8601 (`PT5M`).',
    })

const expression = z
  .string()
  .min(1)
  .max(200)
  .refine((source) => compilePattern(source) !== undefined, {
    error: 'is not a regular expression of RE2',
    params: {
      remedy:
        'Escape special characters with a backslash; look-around and back-references are not supported.',
    },
  })

const bootCheck = z.strictObject({
  expect: expression.optional().openapi({
    description: 'Regular expression (RE2 syntax) that a line of the destination’s console must match.',
  }),
  timeout: duration(3_600_000).optional(),
  required: z.boolean().optional().openapi({
    description: 'Roll back when the boot cannot be proved. Default: only when `expect` is given.',
  }),
})

const destinationConfig = z.strictObject({
  name: vmNameSchema.optional().openapi({ description: 'The source’s name if left out.' }),
  instance_type: instanceType
    .optional()
    .openapi({ description: 'If left out, the smallest size that has the source’s vCPUs and memory.' }),
  zone: z.string().min(1).max(63).optional(),
  availability_zone: z.string().min(1).max(63).optional().openapi({ description: 'The same as `zone`.' }),
  key_pair: text.optional(),
  security_groups: z.array(text).max(16).optional(),
})

export const migrateBody = z
  .strictObject({
    vm_id: text.openapi({
      description: 'Our id, or the source cloud’s own id together with `source_provider_id`.',
    }),
    source_provider_id: text.optional().openapi({ description: 'May be left out where `vm_id` is ours.' }),
    destination_provider_id: text,
    destination_region: regionSchema
      .optional()
      .openapi({ description: 'The destination provider’s default region if left out.' }),
    destination_config: destinationConfig.default({}),
    delete_source: z
      .boolean()
      .default(false)
      .openapi({ description: 'Otherwise the source is kept, stopped.' }),
    options: z.strictObject({ boot_check: bootCheck.optional() }).default({}),
    scheduled_time: z.iso.datetime({ offset: true }).optional(),
    max_downtime: duration(30 * 86_400_000).optional(),
    rollback: z.boolean().optional(),
  })
  .openapi('CreateMigration', {
    example: {
      vm_id: 'i-1234567890abcdef0',
      source_provider_id: 'aws-prod',
      destination_provider_id: 'azure-prod',
      destination_region: 'eastus',
      delete_source: false,
      max_downtime: '5m',
    },
  })

export type MigrateBody = z.output<typeof migrateBody>

/** One line for each demand that is asked for and not honoured, starting with its field. */
export function unhonouredDemands(body: MigrateBody): string[] {
  return [
    ...(body.max_downtime === undefined
      ? []
      : [
          'max_downtime is not bounded: a cold migration keeps the VM stopped while its disks are copied; the real downtime is reported in metrics.total_downtime.',
        ]),
    ...(body.rollback === false
      ? [
          'rollback=false is not honoured: a migration that fails before its commit always restores the source.',
        ]
      : []),
  ]
}
