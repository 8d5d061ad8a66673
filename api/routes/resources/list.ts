import { z } from '@hono/zod-openapi'
import { CloudResource } from '#db/entities/resource.ts'
import { resourceStates } from '#shared/resources/kinds.ts'
import { endpoint, type Call, type Endpoint } from '#api/http/endpoint.ts'
import { likeOf, namePattern } from '#api/http/glob.ts'
import { pageMembers, pageOf, pageQuery, readCursor, writeCursor } from '#api/http/pages.ts'
import { invalid } from '#api/http/problem.ts'
import { etagOf, reply } from '#api/http/reply.ts'
import { findResource, resourceQuery } from '#api/routes/resources/find.ts'
import type { KindOfRoute } from '#api/routes/resources/kinds.ts'
import { providerTypeOf } from '#api/routes/vm-find.ts'
import { resourceView } from '#api/views/resource.ts'

const text = z.string().min(1).max(255)

export const listQuery = z.strictObject({
  ...pageQuery,
  provider_id: text.optional(),
  region: text.optional(),
  state: z.enum(resourceStates).optional(),
  name_pattern: namePattern,
  tag: z
    .union([text, z.array(text).max(20)])
    .optional()
    .openapi({ description: '`tag=team:web`, repeatable; all must match.', example: 'team:web' }),
})

/** Lists one kind, newest first. */
export const listOf = (kind: KindOfRoute): Endpoint =>
  endpoint({
    method: 'get',
    path: kind.path,
    operationId: `list${kind.names}`,
    tag: kind.tag,
    permission: kind.read,
    summary: `List ${kind.many.replace('_', ' ')}`,
    description:
      'Newest first; those that were made here, and those that the last sync found in the cloud. Deleted ones are left out unless `state=deleted` asks for them.',
    query: listQuery,
    answers: { 200: { description: 'One page.', schema: listSchema(kind) } },
    handle: (call) => list(call, kind),
  })

export const listSchema = ({ many, schema }: KindOfRoute) =>
  z.object({ [many]: z.array(schema), ...pageMembers })

/** One page of a kind. `more` narrows it beyond the query. */
export async function list(
  { services, principal, query }: Call<z.output<typeof listQuery>>,
  { kind, many }: KindOfRoute,
  more: object = {},
): Promise<Response> {
  const { limit, cursor, provider_id: providerId, region, state, name_pattern: pattern, tag } = query
  const { tenantId } = principal
  const place = cursor === undefined ? undefined : readCursor(cursor)
  const rows = await services.orm.em.fork().find(
    CloudResource,
    {
      tenantId,
      kind,
      $and: [
        more,
        state === undefined ? { deletedAt: null } : { state },
        providerId === undefined ? {} : { providerId },
        region === undefined ? {} : { region },
        pattern === undefined ? {} : { name: { $ilike: likeOf(pattern) } },
        tag === undefined ? {} : { tags: { $contains: tagsOf([tag].flat()) } },
        place
          ? { $or: [{ createdAt: { $lt: place.at } }, { createdAt: place.at, id: { $lt: place.id } }] }
          : {},
      ],
    },
    { orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], limit: limit + 1 },
  )
  const { page, next } = pageOf(rows, limit, ({ createdAt, id }) => writeCursor({ at: createdAt, id }))
  const types = new Map((await services.providers.of(tenantId)).map((one) => [one.id, one.type]))
  return reply(200, {
    [many]: page.map((row) => resourceView(services, row, types.get(row.providerId))),
    next_cursor: next,
  })
}

export const getOf = (kind: KindOfRoute): Endpoint =>
  endpoint({
    method: 'get',
    path: `${kind.path}/{id}`,
    operationId: `get${kind.name}`,
    tag: kind.tag,
    permission: kind.read,
    summary: `Get ${kind.article}`,
    query: resourceQuery,
    answers: { 200: { description: 'Its version is in `ETag`.', schema: kind.schema } },
    async handle({ services, principal, param, query }) {
      const { tenantId } = principal
      const row = await findResource(services, tenantId, kind.kind, param('id'), query.provider_id)
      const type = await providerTypeOf(services, tenantId, row.providerId)
      return reply(200, resourceView(services, row, type), { etag: etagOf(row.version) })
    },
  })

function tagsOf(entries: string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const colon = entry.indexOf(':')
      if (colon < 1)
        throw invalid([
          { field: 'query.tag', reason: 'is not of the form key:value', remedy: 'Write tag=team:web.' },
        ])
      return [entry.slice(0, colon), entry.slice(colon + 1)]
    }),
  )
}
