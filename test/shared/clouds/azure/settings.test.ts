import { describe, expect, test } from 'vitest'
import { hostNameOf, nameFor, parseArmId, canonicalId } from '#shared/clouds/azure/names.ts'
import { architectureOf, failureOf, sizeOf, vmState } from '#shared/clouds/azure/mapping.ts'
import { readSettings } from '#shared/clouds/azure/settings.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'

const given = (changes: Partial<CloudSettings> = {}): CloudSettings => ({
  providerId: 'azure-prod',
  type: 'azure',
  credentials: { tenant_id: 't', client_id: 'c', client_secret: 's', subscription_id: 'u' },
  regions: ['eastus'],
  defaultRegion: 'eastus',
  endpoints: {},
  options: {},
  workerId: 'w 1',
  ...changes,
})

describe('settings', () => {
  test('default to the public cloud and its own names', () => {
    expect(readSettings(given())).toMatchObject({
      managementUrl: 'https://management.azure.com',
      authorityUrl: 'https://login.microsoftonline.com',
      privateAuthority: false,
      tokenScope: 'https://management.azure.com/.default',
      pricesUrl: 'https://prices.azure.com',
      storageUrl: 'https://{account}.blob.core.windows.net',
      throttleWaitMs: 15_000,
      resourceGroup: 'novacron',
      userAgent: 'novacron/0.1.0 (w-1)',
    })
  })

  test('of a sovereign cloud sign in there', () => {
    const settings = readSettings(
      given({ endpoints: { management: 'https://management.usgovcloudapi.net/' } }),
    )
    expect(settings.authorityUrl).toBe('https://login.microsoftonline.us')
    expect(settings.tokenScope).toBe('https://management.usgovcloudapi.net/.default')
    expect(settings.storageUrl).toBe('https://{account}.blob.core.usgovcloudapi.net')
  })

  const wrong: [string, Partial<CloudSettings>, string][] = [
    [
      'a missing secret',
      { credentials: { tenant_id: 't', client_id: 'c', subscription_id: 'u' } },
      'credentials.client_secret',
    ],
    ['plain http', { endpoints: { management: 'http://127.0.0.1:1' } }, 'endpoints.management'],
    ['storage in one place', { endpoints: { storage: 'https://127.0.0.1:1' } }, 'endpoints.storage'],
    [
      'storage over plain http',
      { endpoints: { storage: 'http://127.0.0.1:1/{account}' } },
      'endpoints.storage',
    ],
    ['prices over plain http', { endpoints: { prices: 'http://127.0.0.1:1' } }, 'endpoints.prices'],
    ['patience that is no number', { options: { throttle_wait_ms: 'long' } }, 'options.throttle_wait_ms'],
    ['no URL', { endpoints: { authority: 'login' } }, 'endpoints.authority'],
    ['a CA that is none', { options: { ca_pem: 'nonsense' } }, 'options.ca_pem'],
    ['a group that is no text', { options: { resource_group: 7 } }, 'options.resource_group'],
    ['a timeout of nothing', { options: { request_timeout_ms: 0 } }, 'options.request_timeout_ms'],
  ]
  test.for(wrong)('with %s are refused by name', ([, changes, field]) => {
    expect(() => readSettings(given(changes))).toThrow(
      expect.objectContaining({ code: 'invalid_request', details: { field } }),
    )
  })
})

describe('names', () => {
  const vm = { subscription: 'u', group: 'g', type: 'Microsoft.Compute/virtualMachines', name: '' }

  test('come from the token alone and are legal', () => {
    expect(nameFor('0198C0DE-0000-7000-8000-000000000001')).toBe('nc-0198c0de-0000-7000-8000-000000000001')
    expect(nameFor('odd token/ä')).toMatch(/^nc-[\da-f]{40}$/)
  })

  test.for([
    ['Web Server_1', 'web-server-1'],
    ['---', 'vm'],
    ['42', 'vm-42'],
    [`${'a'.repeat(62)}-b`, 'a'.repeat(62)],
  ])('of hosts: %s becomes %s', ([name, host]) => {
    expect(hostNameOf(name ?? '')).toBe(host)
  })

  test('may be bare, with a group, or a whole id, in any case', () => {
    const id = '/subscriptions/u/resourceGroups/OTHER/providers/microsoft.compute/virtualmachines/web'
    expect(parseArmId(id, vm)).toMatchObject({ group: 'OTHER', name: 'web' })
    expect(parseArmId('web', vm)).toMatchObject({ group: 'g', name: 'web' })
    expect(parseArmId('other/web', vm)).toMatchObject({ group: 'other', name: 'web' })
    expect(canonicalId(id)).toContain('/resourceGroups/other/')
  })
})

test.for([
  '',
  'a/b/c',
  'we b',
  '/subscriptions/u',
  '/subscriptions/u/resourceGroups/g/providers/Microsoft.Compute/disks/d',
])('"%s" is not the id of a VM', (bad) => {
  const vm = { subscription: 'u', group: 'g', type: 'Microsoft.Compute/virtualMachines', name: '' }
  expect(() => parseArmId(bad, vm)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
})

describe('states and sizes', () => {
  const state = (provisioningState: string, ...codes: string[]) =>
    vmState({ provisioningState, instanceView: { statuses: codes.map((code) => ({ code })) } })

  test('a VM is what its power says, unless it is being made or deleted, or never was', () => {
    expect(state('Creating')).toBe('pending')
    expect(state('Succeeded', 'ProvisioningState/succeeded', 'PowerState/running')).toBe('running')
    expect(state('Updating', 'PowerState/deallocating')).toBe('stopping')
    expect(state('Succeeded', 'PowerState/deallocated')).toBe('stopped')
    expect(state('Failed', 'PowerState/running')).toBe('running')
    expect(state('Failed', 'ProvisioningState/failed/AllocationFailed')).toBe('error')
    expect(state('Deleting', 'PowerState/running')).toBe('terminating')
    expect(state('Succeeded', 'PowerState/deallocated', 'HibernationState/Hibernated')).toBe('suspended')
    expect(failureOf([{ code: 'ProvisioningState/failed/SkuNotAvailable', message: 'm' }])).toEqual({
      code: 'SkuNotAvailable',
      message: 'm',
    })
  })

  test('the architecture is in the name', () => {
    expect(['Standard_D2ps_v5', 'Standard_B2pts_v2', 'Standard_E4pds_v6'].map(architectureOf)).toEqual([
      'arm64',
      'arm64',
      'arm64',
    ])
    expect(
      ['Standard_D2s_v5', 'Standard_B1ls', 'Standard_NP10s', 'Standard_A2_v2'].map(architectureOf),
    ).toEqual(Array(4).fill('x86_64'))
  })

  test('what is closed to the subscription, or no VM size, is not on offer', () => {
    const sku = {
      resourceType: 'virtualMachines',
      name: 'Standard_B1ls',
      capabilities: [
        { name: 'vCPUs', value: '1' },
        { name: 'MemoryGB', value: '0.5' },
      ],
    }
    expect(sizeOf(sku)).toMatchObject({ vcpus: 1, memoryMib: 512, burstable: true, firmwares: ['bios'] })
    expect(sizeOf({ ...sku, restrictions: [{ type: 'Location' }] })).toBeUndefined()
    expect(sizeOf({ ...sku, resourceType: 'disks' })).toBeUndefined()
  })
})
