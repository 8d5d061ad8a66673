import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { invalid, type FieldError } from '#api/http/problem.ts'
import { encryptionField, encryptionOf, placedBody } from '#api/routes/resources/body.ts'
import { submitChange } from '#api/routes/resources/change.ts'
import { deleteOf } from '#api/routes/resources/delete.ts'
import { findResource, providerFor, resourceQuery } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { getOf, listOf } from '#api/routes/resources/list.ts'
import { jobAnswers, submitCreation } from '#api/routes/resources/submit.ts'
import { lifecycleOf, lifecycleRule, type LifecycleBody } from '#api/views/rules.ts'

const kind = kindsOfRoutes.bucket
const lifecycle = z.array(lifecycleRule).max(100)

const create = endpoint({
  method: 'post',
  path: kind.path,
  operationId: 'createBucket',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Create a bucket',
  description: 'Encrypted, not public and not to be made so.',
  body: z
    .strictObject({
      ...placedBody,
      name: z
        .string()
        .regex(
          /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/,
          'must be 3 to 63 lower-case letters, digits or single dashes, with a letter or digit at either end',
        )
        .openapi({ description: 'On AWS and GCP it must be unlike every other in the world.' }),
      versioning: z.boolean().default(false),
      lifecycle: lifecycle.default([]),
      encryption: encryptionField,
    })
    .openapi('CreateBucket'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, body } = call
    assertLifecycleSound(body.lifecycle)
    const { provider, region } = await providerFor(
      services,
      principal.tenantId,
      body.provider_id,
      body.region,
    )
    assertProviderCan(provider, ['storage.buckets.create'])
    const { versioning } = body
    return submitCreation(call, {
      kind: 'bucket',
      job: 'bucket.create',
      provider,
      region,
      name: body.name,
      tags: body.tags,
      spec: { versioning, lifecycle: body.lifecycle.map(lifecycleOf), ...encryptionOf(body.encryption) },
      request: body,
      observed: { versioning, lifecycle: body.lifecycle.map(lifecycleOf) },
    })
  },
})

const setLifecycle = endpoint({
  method: 'put',
  path: `${kind.path}/{id}/lifecycle`,
  operationId: 'setBucketLifecycle',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Set a bucket’s lifecycle rules',
  description: 'Makes the rules exactly these.',
  query: resourceQuery,
  body: z.strictObject({ lifecycle }).openapi('SetLifecycle'),
  guarded: true,
  waits: true,
  answers: jobAnswers(kind),
  problems: ['resource_state', 'resource_busy', 'provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const row = await findResource(services, principal.tenantId, 'bucket', param('id'), query.provider_id)
    assertLifecycleSound(body.lifecycle)
    return submitChange(call, row, {
      kind: 'bucket',
      job: 'bucket.set_lifecycle',
      operation: 'storage.buckets.setLifecycle',
      verb: 'changed',
      guarded: true,
      input: { lifecycle: body.lifecycle.map(lifecycleOf) },
    })
  },
})

export const bucketEndpoints = [listOf(kind), create, getOf(kind), deleteOf(kind), setLifecycle]

/** What a schema cannot say of lifecycle rules. @throws ApiError naming every field that is wrong. */
function assertLifecycleSound(rules: readonly LifecycleBody[]): void {
  const ids = new Set<string>()
  const errors = rules.flatMap((rule, nr): FieldError[] => {
    const at = `lifecycle[${nr}]`
    const twice = ids.has(rule.id)
    ids.add(rule.id)
    return [
      ...(twice
        ? [
            {
              field: `${at}.id`,
              reason: 'is that of another rule',
              remedy: 'Give each rule an id of its own.',
            },
          ]
        : []),
      ...orderErrors(rule, at),
    ]
  })
  if (errors.length > 0) throw invalid(errors)
}

function orderErrors(rule: LifecycleBody, at: string): FieldError[] {
  const steps = [
    ['cool_after_days', rule.cool_after_days],
    ['archive_after_days', rule.archive_after_days],
    ['expire_after_days', rule.expire_after_days],
  ] as const
  const given = steps.filter(
    (step): step is readonly [(typeof steps)[number][0], number] => step[1] !== undefined,
  )
  if (given.length === 0)
    return [
      {
        field: at,
        reason: 'does nothing',
        remedy: 'Give cool_after_days, archive_after_days or expire_after_days.',
      },
    ]
  return given.slice(1).flatMap(([name, days], nr) => {
    const [before, earlier] = given[nr] ?? ['', 0]
    return days > earlier
      ? []
      : [{ field: `${at}.${name}`, reason: `is not after ${before}`, remedy: `Send more than ${earlier}.` }]
  })
}
