import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { idField, nameField, placedBody } from '#api/routes/resources/body.ts'
import { submitChange } from '#api/routes/resources/change.ts'
import { deleteOf } from '#api/routes/resources/delete.ts'
import { findResource, providerFor, refOf, resourceQuery } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { getOf, listOf } from '#api/routes/resources/list.ts'
import { assertRulesSound } from '#api/routes/resources/network-input.ts'
import { jobAnswers, submitCreation } from '#api/routes/resources/submit.ts'
import { ruleOf, securityRule } from '#api/views/rules.ts'

const kind = kindsOfRoutes.security_group
/** AWS keeps 60 each way unless asked for more. */
const rules = z.array(securityRule).max(60)

const create = endpoint({
  method: 'post',
  path: kind.path,
  operationId: 'createSecurityGroup',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Create a security group',
  description: 'Without rules for egress everything may be called.',
  body: z
    .strictObject({
      ...placedBody,
      name: nameField,
      description: z
        .string()
        .min(1)
        .max(255)
        .regex(/^[A-Za-z0-9 ._\-:/()#,@[\]+=&;{}!$*]*$/, 'has a character that not every cloud takes')
        .optional(),
      network_id: idField
        .optional()
        .openapi({ description: 'Our id of a network or the cloud’s own; the default network if left out.' }),
      rules: rules.default([]),
    })
    .openapi('CreateSecurityGroup'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, body } = call
    const { tenantId } = principal
    assertRulesSound(body.rules)
    const { provider, region } = await providerFor(services, tenantId, body.provider_id, body.region)
    assertProviderCan(provider, ['networks.securityGroups.create'])
    const where = { tenantId, providerId: provider.id, region }
    const network =
      body.network_id === undefined
        ? {}
        : { network: await refOf(services, where, 'network', 'network_id', body.network_id) }
    const description = body.description ?? body.name
    const own = body.rules.map(ruleOf)
    return submitCreation(call, {
      kind: 'security_group',
      job: 'security_group.create',
      provider,
      region,
      name: body.name,
      tags: body.tags,
      spec: { description, rules: own, ...network },
      request: body,
      observed: { description, rules: own },
    })
  },
})

const setRules = endpoint({
  method: 'put',
  path: `${kind.path}/{id}/rules`,
  operationId: 'setSecurityGroupRules',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Set a security group’s rules',
  description:
    'Makes the rules exactly these. Permits are added before others are taken away, so that nothing is cut off in between.',
  query: resourceQuery,
  body: z.strictObject({ rules }).openapi('SetSecurityRules'),
  guarded: true,
  waits: true,
  answers: jobAnswers(kind),
  problems: ['resource_state', 'resource_busy', 'provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const row = await findResource(
      services,
      principal.tenantId,
      'security_group',
      param('id'),
      query.provider_id,
    )
    assertRulesSound(body.rules)
    return submitChange(call, row, {
      kind: 'security_group',
      job: 'security_group.set_rules',
      operation: 'networks.securityGroups.setRules',
      verb: 'changed',
      guarded: true,
      input: { rules: body.rules.map(ruleOf) },
    })
  },
})

export const securityGroupEndpoints = [listOf(kind), create, getOf(kind), deleteOf(kind), setRules]
