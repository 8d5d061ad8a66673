import { z } from '@hono/zod-openapi'

/** A filter by name. Few stars, so that no pattern takes long. */
export const namePattern = z
  .string()
  .min(1)
  .max(255)
  .refine((pattern) => pattern.split('*').length <= 11, 'may have 10 stars at most')
  .optional()
  .openapi({
    description:
      'The name, with `*` for any text and `?` for one character; upper and lower case are the same.',
    example: 'web-*',
  })

/** `*` and `?` become LIKE's wildcards, LIKE's own are taken literally. */
export const likeOf = (glob: string): string =>
  glob
    .replaceAll(/[\\%_]/g, (character) => `\\${character}`)
    .replaceAll('*', '%')
    .replaceAll('?', '_')
