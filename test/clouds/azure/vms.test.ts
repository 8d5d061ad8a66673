import { describe, expect, test } from 'vitest'
import {
  bareAzure,
  compute,
  diskPath,
  grant,
  networking,
  storage,
  underSubscription,
} from '#test/clouds/azure/harness.ts'

const bare = bareAzure({ coreQuota: 8 })
const group = '/resourceGroups/g/providers'
const vmPath = (name: string, action = '') =>
  `${group}/Microsoft.Compute/virtualMachines/${name}${action}?${compute}`
const nicPath = (name: string) => `${group}/Microsoft.Network/networkInterfaces/${name}?${networking}`
const idOf = (path: string) =>
  `/subscriptions/${bare.cloud.credentials['subscription_id']}${path.split('?')[0]}`
const refusal = async (reply: Promise<{ status: number; json: { error?: { code: string } } }>) => {
  const { status, json } = await reply
  return [status, json.error?.code]
}
const key = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64')}`

async function nic(name: string): Promise<string> {
  const network = `${group}/Microsoft.Network/virtualNetworks/v`
  await bare.raw.arm('PUT', `${network}?${networking}`, {
    location: 'eastus',
    properties: {
      addressSpace: { addressPrefixes: ['10.9.0.0/16'] },
      subnets: [{ name: 'default', properties: { addressPrefix: '10.9.0.0/16' } }],
    },
  })
  await bare.raw.arm('PUT', nicPath(name), {
    location: 'eastus',
    properties: {
      ipConfigurations: [{ name: 'p', properties: { subnet: { id: `${idOf(network)}/subnets/default` } } }],
    },
  })
  return idOf(nicPath(name))
}

const model = (nicId: string, changes: Record<string, unknown> = {}) => ({
  location: 'eastus',
  tags: { owner: 'me' },
  properties: {
    hardwareProfile: { vmSize: 'Standard_D2s_v5' },
    storageProfile: {
      imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
      osDisk: { createOption: 'FromImage', deleteOption: 'Delete' },
    },
    networkProfile: { networkInterfaces: [{ id: nicId, properties: { deleteOption: 'Delete' } }] },
    osProfile: {
      computerName: 'web',
      adminUsername: 'novacron',
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: { publicKeys: [{ path: '/home/novacron/.ssh/authorized_keys', keyData: key }] },
      },
    },
    ...changes,
  },
})

describe('a VM', () => {
  test('is made with its disk, runs, stops, starts and takes along what is marked to go with it', async () => {
    const made = await bare.raw.arm('PUT', vmPath('a'), model(await nic('na')))
    expect(made.status).toBe(201)
    const operation = await bare.raw.arm('GET', underSubscription(made.headers['azure-asyncoperation']))
    expect(operation.json['status']).toBe('Succeeded')
    const power = async () =>
      /PowerState\/(\w+)/.exec((await bare.raw.arm('GET', vmPath('a', '/instanceView'))).text)?.[1]
    expect(await power()).toBe('running')
    expect(bare.cloud.residue().map(({ kind, tags }) => [kind, tags['owner']])).toEqual(
      expect.arrayContaining([
        ['vm', 'me'],
        ['disk', 'me'],
      ]),
    )
    await bare.raw.arm('POST', vmPath('a', '/deallocate'))
    expect(await power()).toBe('deallocated')
    expect(await refusal(bare.raw.arm('POST', vmPath('a', '/restart')))).toEqual([409, 'OperationNotAllowed'])
    await bare.raw.arm('POST', vmPath('a', '/start'))
    expect(await power()).toBe('running')
    expect((await bare.raw.arm('DELETE', vmPath('a'))).status).toBe(202)
    expect((await bare.raw.arm('DELETE', vmPath('a'))).status).toBe(204)
    expect(bare.cloud.residue().filter(({ kind }) => !['network', 'group'].includes(kind))).toEqual([])
  })

  test('keeps what is not marked, and its parts are in use while it lives', async () => {
    const nicId = await nic('nb')
    const keeping = model(nicId)
    keeping.properties.storageProfile.osDisk.deleteOption = 'Detach'
    await bare.raw.arm('PUT', vmPath('b'), keeping)
    const disk = bare.cloud.residue().find(({ kind }) => kind === 'disk')
    const path = `/${disk?.id.split('/').slice(3).join('/')}`
    expect(await refusal(bare.raw.arm('DELETE', `${path}?${storage}`))).toEqual([409, 'OperationNotAllowed'])
    expect(await refusal(bare.raw.arm('DELETE', nicPath('nb')))).toEqual([400, 'NicInUse'])
    expect(await refusal(bare.raw.arm('PUT', vmPath('b2'), model(nicId)))).toEqual([400, 'NicInUse'])
    await bare.raw.arm('DELETE', vmPath('b'))
    expect(bare.cloud.residue().find(({ kind }) => kind === 'disk')?.state).toBe('Unattached')
    await bare.raw.arm('DELETE', `${path}?${storage}`)
  })

  test('cannot be changed into another one', async () => {
    const nicId = await nic('nc')
    await bare.raw.arm('PUT', vmPath('c'), model(nicId))
    expect((await bare.raw.arm('PUT', vmPath('c'), model(nicId))).status).toBe(200)
    const other = model(nicId)
    other.properties.osProfile.computerName = 'db'
    expect(await refusal(bare.raw.arm('PUT', vmPath('c'), other))).toEqual([409, 'PropertyChangeNotAllowed'])
    expect(await refusal(bare.raw.arm('PUT', vmPath('c'), { ...model(nicId), zones: ['2'] }))).toEqual([
      409,
      'PropertyChangeNotAllowed',
    ])
    await bare.raw.arm('DELETE', vmPath('c'))
  })
})

describe('nothing is made of a VM', () => {
  const bad: [string, Record<string, unknown>, [number, string]][] = [
    ['of an unknown size', { hardwareProfile: { vmSize: 'Standard_Z1' } }, [400, 'InvalidParameter']],
    [
      'of an unknown image',
      {
        storageProfile: {
          imageReference: { publisher: 'Nobody', offer: 'x', sku: 'y', version: 'latest' },
          osDisk: { createOption: 'FromImage' },
        },
      },
      [404, 'PlatformImageNotFound'],
    ],
    [
      'whose size cannot run its image',
      { hardwareProfile: { vmSize: 'Standard_D2ps_v5' } },
      [400, 'BadRequest'],
    ],
    [
      'whose size cannot boot its generation',
      { hardwareProfile: { vmSize: 'Standard_A2_v2' } },
      [400, 'BadRequest'],
    ],
    ['without accounts', { osProfile: undefined }, [400, 'InvalidParameter']],
    [
      'with a key that is none',
      {
        osProfile: {
          computerName: 'web',
          adminUsername: 'novacron',
          linuxConfiguration: {
            disablePasswordAuthentication: true,
            ssh: { publicKeys: [{ path: '/x', keyData: 'ssh-rsa AAAA' }] },
          },
        },
      },
      [400, 'InvalidParameter'],
    ],
    [
      'whose user is called root',
      { osProfile: { computerName: 'web', adminUsername: 'root', adminPassword: 'x' } },
      [400, 'InvalidParameter'],
    ],
    [
      'whose data is not base64',
      { osProfile: { computerName: 'web', adminUsername: 'n', adminPassword: 'x', customData: '#!' } },
      [400, 'InvalidParameter'],
    ],
    [
      'without an interface',
      { networkProfile: { networkInterfaces: [] } },
      [400, 'NetworkProfileMissingNetworkInterfaces'],
    ],
    [
      'over the quota of cores',
      { hardwareProfile: { vmSize: 'Standard_D16s_v5' } },
      [409, 'OperationNotAllowed'],
    ],
  ]

  test.for(bad)('%s', async ([, changes, expected]) => {
    const body = model(await nic('nd'), changes)
    expect(await refusal(bare.raw.arm('PUT', vmPath('d'), body))).toEqual(expected)
    expect(bare.cloud.residue().filter(({ kind }) => kind === 'vm' || kind === 'disk')).toEqual([])
  })
})

test('a disk that somebody reads is not attached', async () => {
  await bare.raw.arm('PUT', diskPath('boot'), {
    location: 'eastus',
    properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1, osType: 'Linux' },
  })
  await grant(bare, diskPath('boot', '/beginGetAccess'), 'Read')
  const attach = async () =>
    model(await nic('ne'), {
      osProfile: undefined,
      storageProfile: {
        osDisk: { createOption: 'Attach', osType: 'Linux', managedDisk: { id: idOf(diskPath('boot')) } },
      },
    })
  expect(await refusal(bare.raw.arm('PUT', vmPath('e'), await attach()))).toEqual([
    409,
    'OperationNotAllowed',
  ])
  await bare.raw.arm('POST', diskPath('boot', '/endGetAccess'))
  expect((await bare.raw.arm('PUT', vmPath('e'), await attach())).status).toBe(201)
  expect(await refusal(bare.raw.arm('PUT', vmPath('f'), await attach()))).toEqual([400, 'NicInUse'])
  await bare.raw.arm('DELETE', vmPath('e'))
})
