import type { ArmHandler } from '#test/clouds/azure/context.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, text, type Check } from '#test/clouds/azure/schema.ts'
import { accountType } from '#test/clouds/azure/storage/accounts.ts'
import { accountOf, type Account } from '#test/clouds/azure/storage/world.ts'

/** The management policy (lifecycle rules) of an account. */

const count: Check = (value, path) => {
  if (typeof value === 'number' && value >= 0) return
  throw new Refusal(
    400,
    'InvalidRequestPropertyValue',
    `The value '${String(value)}' for property '${path}' is not valid.`,
  )
}

const age = object('DateAfterModification', {
  daysAfterModificationGreaterThan: count,
  daysAfterCreationGreaterThan: count,
  daysAfterLastAccessTimeGreaterThan: count,
  daysAfterLastTierChangeGreaterThan: count,
})

const rule = object(
  'ManagementPolicyRule',
  {
    enabled: flag,
    name: text,
    type: oneOf('Lifecycle'),
    definition: object(
      'ManagementPolicyDefinition',
      {
        filters: object(
          'ManagementPolicyFilter',
          { blobTypes: list(oneOf('blockBlob', 'appendBlob')), prefixMatch: list(text) },
          ['blobTypes'],
        ),
        actions: object('ManagementPolicyAction', {
          baseBlob: object('ManagementPolicyBaseBlob', {
            tierToCool: age,
            tierToCold: age,
            tierToArchive: age,
            delete: age,
          }),
          version: object('ManagementPolicyVersion', { delete: age, tierToCool: age, tierToArchive: age }),
        }),
      },
      ['actions'],
    ),
  },
  ['name', 'type', 'definition'],
)

const policyBody = object(
  'ManagementPolicy',
  {
    properties: object(
      'ManagementPolicyProperties',
      { policy: object('ManagementPolicySchema', { rules: list(rule) }, ['rules']) },
      ['policy'],
    ),
  },
  ['properties'],
)

export const putPolicy: ArmHandler = (context, request) => {
  const account = accountOf(context, request)
  checkName(request.path['policy'])
  policyBody(request.body, '')
  const { rules } = (request.body as { properties: { policy: { rules: { name: string }[] } } }).properties
    .policy
  if (rules.length === 0) throw bad("The 'rules' of a management policy must not be empty.")
  if (new Set(rules.map(({ name }) => name)).size < rules.length)
    throw bad('The names of the rules of a management policy must be unique.')
  account.rules = rules
  return json(200, show(account))
}

export const getPolicy: ArmHandler = (context, request) => {
  const account = accountOf(context, request)
  checkName(request.path['policy'])
  if (account.rules) return json(200, show(account))
  throw new Refusal(404, 'ManagementPolicyNotFound', `No ManagementPolicy found for account ${account.name}`)
}

export const deletePolicy: ArmHandler = (context, request) => {
  const account = accountOf(context, request)
  if (!account.rules) return { status: 204 }
  delete account.rules
  return { status: 200 }
}

const show = (account: Account) => ({
  id: `${account.id}/managementPolicies/default`,
  name: 'DefaultManagementPolicy',
  type: `${accountType}/managementPolicies`,
  properties: { policy: { rules: account.rules }, lastModifiedTime: new Date().toISOString() },
})

function checkName(name: string | undefined): void {
  if (name !== 'default') throw bad(`The name of a management policy is 'default', not '${name}'.`)
}

const bad = (message: string): Refusal => new Refusal(400, 'InvalidRequestPropertyValue', message)
