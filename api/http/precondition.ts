import type { Context } from 'hono'
import { ApiError, invalid } from '#api/http/problem.ts'
import { etagOf } from '#api/http/reply.ts'

/**
 * Throws unless `If-Match` names the version that is about to be changed.
 * @throws ApiError 428 without the header, 412 for another version, 422 for what is not a list of ETags.
 */
export function assertMatches(c: Context, version: number): void {
  const header = c.req.header('if-match')
  if (header === undefined)
    throw new ApiError('version_required', 'A change must say which version it is based on.', {
      remedy: `Read it first and send its ETag: \`If-Match: ${etagOf(version)}\`.`,
    })
  if (header.trim() === '*') return
  const tags = header.split(',').map((tag) => tag.trim())
  if (!tags.every((tag) => /^(W\/)?"[\x21\x23-\x7e]*"$/.test(tag)))
    throw invalid([
      {
        field: 'header.If-Match',
        reason: 'is not a list of ETags',
        remedy: `Send it quoted: ${etagOf(version)}.`,
      },
    ])
  if (tags.includes(etagOf(version))) return
  throw new ApiError('version_mismatch', 'It has been changed since the version in If-Match.', {
    remedy: 'Read it again, apply your change to the new version and send that ETag.',
    headers: { etag: etagOf(version) },
  })
}
