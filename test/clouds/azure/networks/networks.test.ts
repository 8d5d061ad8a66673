import { expect, test } from 'vitest'
import { manualClock } from '#test/clouds/core/clock.ts'
import { bareAzure, networking } from '#test/clouds/azure/harness.ts'

// A network is busy for a moment after each change.
const clock = manualClock(Date.now())
const bare = bareAzure({ clock, delaysMs: { network: 30 } })
const at = (path: string) => `/resourceGroups/g/providers/Microsoft.Network/${path}?${networking}`
const idOf = (path: string) =>
  `/subscriptions/${bare.cloud.credentials['subscription_id']}/resourceGroups/g/providers/Microsoft.Network/${path}`
const put = (path: string, properties: object, more: object = {}) =>
  bare.raw.arm('PUT', at(path), { location: 'eastus', properties, ...more })
const codeOf = async (reply: Promise<{ json: { error?: { code: string } } }>) =>
  (await reply).json.error?.code

/** Puts until the network service has finished what it was doing before. */
const settled = async (send: () => ReturnType<typeof put>) => {
  for (;;) {
    const reply = await send()
    if (reply.json.error?.code !== 'AnotherOperationInProgress') return reply
    clock.advance(30)
  }
}
const network = (name: string, subnets: object[] = []) =>
  put(`virtualNetworks/${name}`, { addressSpace: { addressPrefixes: ['10.0.0.0/16'] }, subnets })
const subnet = (path: string, addressPrefix: string, more: object = {}) =>
  settled(() => bare.raw.arm('PUT', at(path), { properties: { addressPrefix, ...more } }))
const nic = (name: string, subnetPath: string, more: object = {}) =>
  put(`networkInterfaces/${name}`, {
    ipConfigurations: [{ name: 'ip', properties: { subnet: { id: idOf(subnetPath) } } }],
    ...more,
  })

test('a subnet lies within its network, apart from the others, and is private unless it says otherwise', async () => {
  await network('n')
  expect((await subnet('virtualNetworks/n/subnets/a', '10.0.1.0/24')).status).toBe(201)
  expect((await subnet('virtualNetworks/n/subnets/b', '10.0.1.128/25')).json.error?.code).toBe(
    'NetcfgSubnetRangesOverlap',
  )
  expect((await subnet('virtualNetworks/n/subnets/b', '10.1.0.0/24')).json.error?.code).toBe(
    'NetcfgInvalidSubnet',
  )
  expect((await subnet('virtualNetworks/n/subnets/b', '10.0.2.7/24')).json.error?.code).toBe(
    'InvalidCIDRNotation',
  )
  const made = await bare.raw.arm('GET', at('virtualNetworks/n/subnets/a'))
  expect(made.json['properties']).toMatchObject({ defaultOutboundAccess: false })
})

test('a network does one thing at a time', async () => {
  await network('busy')
  clock.advance(30)
  const replies = await Promise.all(
    [1, 2].map((nr) =>
      bare.raw.arm('PUT', at(`virtualNetworks/busy/subnets/s${nr}`), {
        properties: { addressPrefix: `10.0.${nr}.0/24` },
      }),
    ),
  )
  const codes = replies.map(({ json }) => json.error?.code)
  expect(new Set(codes)).toEqual(new Set(['AnotherOperationInProgress', undefined]))
})

test('what an interface uses is not deleted before it', async () => {
  await network('used')
  await subnet('virtualNetworks/used/subnets/a', '10.0.1.0/24')
  await put('networkSecurityGroups/used', {})
  const guard = { networkSecurityGroup: { id: idOf('networkSecurityGroups/used') } }
  expect((await nic('user', 'virtualNetworks/used/subnets/a', guard)).status).toBe(201)
  const remove = (path: string) => settled(() => bare.raw.arm('DELETE', at(path)))
  for (const [path, code] of [
    ['virtualNetworks/used/subnets/a', 'InUseSubnetCannotBeDeleted'],
    ['virtualNetworks/used', 'InUseSubnetCannotBeDeleted'],
    ['networkSecurityGroups/used', 'InUseNetworkSecurityGroupCannotBeDeleted'],
  ] as const) {
    expect((await remove(path)).json.error?.code).toBe(code)
  }
  expect(
    (await settled(() => put('virtualNetworks/used', { addressSpace: { addressPrefixes: ['10.0.0.0/16'] } })))
      .json.error?.code,
  ).toBe('InUseSubnetCannotBeDeleted')
  await remove('networkInterfaces/user')
  clock.advance(30)
  expect((await remove('virtualNetworks/used')).status).toBe(202)
})

const rule = (properties: object, name = 'r') => ({
  securityRules: [
    {
      name,
      properties: {
        protocol: 'Tcp',
        access: 'Allow',
        direction: 'Inbound',
        priority: 100,
        sourcePortRange: '*',
        destinationPortRange: '22',
        sourceAddressPrefix: '10.0.0.0/8',
        destinationAddressPrefix: '*',
        ...properties,
      },
    },
  ],
})

test.for([
  ['SecurityRuleInvalidPriority', { priority: 99 }],
  ['SecurityRuleInvalidPortRange', { destinationPortRange: '90-80' }],
  ['SecurityRuleInvalidAddressPrefix', { sourceAddressPrefix: '10.0.0.1/8' }],
  ['SecurityRuleParameterNotSpecified', { destinationAddressPrefix: undefined }],
  ['SecurityRuleParameterConflict', { sourceAddressPrefixes: ['10.0.0.0/8'] }],
  [
    'SecurityRuleParameterContainsUnsupportedValue',
    { sourceAddressPrefix: undefined, sourceAddressPrefixes: ['*'] },
  ],
  [
    'ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies',
    { sourceAddressPrefix: undefined, sourceAddressPrefixes: ['10.0.0.0/8', 'fd00::/8'] },
  ],
  ['InvalidRequestContent', { comment: 'no such member' }],
] as const)('a rule is refused with %s', async ([code, properties]) => {
  expect(await codeOf(put('networkSecurityGroups/refused', rule(properties)))).toBe(code)
})

test('two rules of one direction never have the same priority', async () => {
  const securityRules = [...rule({}).securityRules, ...rule({}, 'other').securityRules]
  expect(await codeOf(put('networkSecurityGroups/refused', { securityRules }))).toBe('SecurityRuleConflict')
})

test('a change by an old etag is refused', async () => {
  const path = at('networkSecurityGroups/tagged')
  const change = async (etag: string, priority: number) =>
    bare.raw.arm('PUT', path, { location: 'eastus', properties: rule({ priority }) }, { 'if-match': etag })
  const first = await put('networkSecurityGroups/tagged', rule({}))
  const etag = String(first.json['etag'])
  expect((await change(etag, 200)).status).toBe(200)
  expect(await codeOf(change(etag, 300))).toBe('PreconditionFailed')
})

test('a public address leads to one interface, and is not deleted while it does', async () => {
  await network('public')
  await subnet('virtualNetworks/public/subnets/a', '10.0.1.0/24')
  const sku = { sku: { name: 'Standard' } }
  expect(await codeOf(put('publicIPAddresses/p', { publicIPAllocationMethod: 'Dynamic' }, sku))).toBe(
    'PublicIPSkuRequiresStaticAllocation',
  )
  await put('publicIPAddresses/p', { publicIPAllocationMethod: 'Static' }, sku)
  const leading = {
    ipConfigurations: [
      {
        name: 'ip',
        properties: {
          subnet: { id: idOf('virtualNetworks/public/subnets/a') },
          publicIPAddress: { id: idOf('publicIPAddresses/p') },
        },
      },
    ],
  }
  expect((await put('networkInterfaces/one', leading)).status).toBe(201)
  expect(await codeOf(put('networkInterfaces/two', leading))).toBe('PublicIPAddressInUse')
  expect(await codeOf(bare.raw.arm('DELETE', at('publicIPAddresses/p')))).toBe(
    'PublicIPAddressCannotBeDeleted',
  )
})
