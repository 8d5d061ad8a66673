import { z } from '@hono/zod-openapi'
import { regionSchema, vmNameSchema, vmTags } from '#api/routes/vm-input.ts'

/** Members of every body that makes a resource. */
export const placedBody = {
  provider_id: z
    .string()
    .min(1)
    .max(63)
    .openapi({ description: 'A registered provider’s id.', example: 'aws-prod' }),
  region: regionSchema
    .optional()
    .openapi({ description: 'The provider’s default region if left out.', example: 'us-east-1' }),
  tags: vmTags.default({}),
}

export const nameField = vmNameSchema

/** Of a resource or a VM: our id, or the cloud's own. */
export const idField = z.string().min(1).max(512)

export const zoneField = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, 'must be a zone such as us-east-1a or 1')
  .optional()

export const encryptionField = z
  .strictObject({ key_id: z.string().min(1).max(512).optional() })
  .optional()
  .openapi({
    description:
      'Left out it is the cloud’s default; `{}` demands it with the cloud’s key; `key_id` is a key of your own (AWS: KMS; Azure: disk encryption set or Key Vault key; GCP: Cloud KMS).',
  })

export const encryptionOf = (given: { key_id?: string | undefined } | undefined) =>
  given === undefined ? {} : { encryption: given.key_id === undefined ? {} : { keyId: given.key_id } }
