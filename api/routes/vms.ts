import { z } from '@hono/zod-openapi'
import { MulticloudVm } from '#db/entities/vm.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { likeOf, namePattern } from '#api/http/glob.ts'
import { pageMembers, pageOf, pageQuery, readCursor, writeCursor } from '#api/http/pages.ts'
import { invalid } from '#api/http/problem.ts'
import { etagOf, reply } from '#api/http/reply.ts'
import { createVm } from '#api/routes/vm-create.ts'
import { vmActionEndpoints } from '#api/routes/vm-actions.ts'
import { updateVm } from '#api/routes/vm-update.ts'
import { findVm, providerTypeOf, vmQuery } from '#api/routes/vm-find.ts'
import { vmSchema, vmStates, vmView } from '#api/views/vm.ts'

const text = z.string().min(1).max(255)

const listQuery = z
  .object({
    ...pageQuery,
    provider_id: text.optional(),
    provider_type: text.optional(),
    region: text.optional(),
    state: z.enum(vmStates).optional(),
    name_pattern: namePattern,
    tag: z
      .union([text, z.array(text).max(20)])
      .optional()
      .openapi({
        description: '`tag=team:web`, repeatable; all must match. Also written `tag.team=web`.',
        example: 'team:web',
      }),
  })
  .catchall(z.unknown())

const list = endpoint({
  method: 'get',
  path: '/vms',
  operationId: 'listVMs',
  tag: 'VMs',
  permission: 'vms:read',
  summary: 'List VMs',
  description: 'Newest first. Deleted VMs are left out unless `state=terminated` asks for them.',
  query: listQuery,
  answers: {
    200: { description: 'One page.', schema: z.object({ vms: z.array(vmSchema), ...pageMembers }) },
  },
  async handle({ services, principal, query }) {
    const { tenantId } = principal
    const {
      limit,
      cursor,
      provider_id: providerId,
      provider_type: type,
      region,
      state,
      name_pattern: pattern,
    } = query
    const providers = await services.providers.of(tenantId)
    const tags = tagsOf(query)
    const place = cursor === undefined ? undefined : readCursor(cursor)
    const rows = await services.orm.em.fork().find(
      MulticloudVm,
      {
        tenantId,
        $and: [
          state === 'terminated' ? {} : { deletedAt: null },
          providerId === undefined ? {} : { providerId },
          type === undefined
            ? {}
            : { providerId: { $in: providers.filter((one) => one.type === type).map(({ id }) => id) } },
          region === undefined ? {} : { region },
          state === undefined ? {} : { state },
          pattern === undefined ? {} : { name: { $ilike: likeOf(pattern) } },
          tags === undefined ? {} : { tags: { $contains: tags } },
          place
            ? { $or: [{ createdAt: { $lt: place.at } }, { createdAt: place.at, id: { $lt: place.id } }] }
            : {},
        ],
      },
      { orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], limit: limit + 1 },
    )
    const { page, next } = pageOf(rows, limit, ({ createdAt, id }) => writeCursor({ at: createdAt, id }))
    const types = new Map(providers.map((one) => [one.id, one.type]))
    return reply(200, {
      vms: page.map((vm) => vmView(services, vm, types.get(vm.providerId))),
      next_cursor: next,
    })
  },
})

const get = endpoint({
  method: 'get',
  path: '/vms/{id}',
  operationId: 'getVM',
  tag: 'VMs',
  permission: 'vms:read',
  summary: 'Get a VM',
  query: vmQuery,
  answers: { 200: { description: 'The VM; its version is in `ETag`.', schema: vmSchema } },
  async handle({ services, principal, param, query }) {
    const vm = await findVm(services, principal.tenantId, param('id'), query.provider_id)
    const type = await providerTypeOf(services, principal.tenantId, vm.providerId)
    return reply(200, vmView(services, vm, type), { etag: etagOf(vm.version) })
  },
})

export const vmEndpoints = [list, createVm, get, updateVm, ...vmActionEndpoints]

/** All tags that the query asks for, in either notation. @throws ApiError naming a parameter that is neither filter nor tag. */
function tagsOf(query: z.output<typeof listQuery>): Record<string, string> | undefined {
  const tags: Record<string, string> = {}
  for (const entry of [query.tag ?? []].flat()) {
    const colon = entry.indexOf(':')
    if (colon < 1)
      throw invalid([
        { field: 'query.tag', reason: 'is not of the form key:value', remedy: 'Write tag=team:web.' },
      ])
    tags[entry.slice(0, colon)] = entry.slice(colon + 1)
  }
  for (const [name, value] of Object.entries(query)) {
    if (Object.hasOwn(listQuery.shape, name)) continue
    if (!name.startsWith('tag.') || name.length < 5 || typeof value !== 'string')
      throw invalid([
        {
          field: `query.${name.slice(0, 60)}`,
          reason: 'is not a known filter',
          remedy: `Use ${Object.keys(listQuery.shape).join(', ')} or tag.<name>.`,
        },
      ])
    tags[name.slice(4)] = value
  }
  return Object.keys(tags).length > 0 ? tags : undefined
}
