import { describe, expect, test } from 'vitest'
import { idOf as idIn, makeNic, nicPath, vmModel, vmPath } from '#test/clouds/azure/compute/model.ts'
import { bareAzure, diskPath, grant, storage, underSubscription } from '#test/clouds/azure/harness.ts'

const bare = bareAzure({ coreQuota: 8 })
const nic = (name: string) => makeNic(bare, name)
const idOf = (path: string) => idIn(bare, path)
const refusal = async (reply: Promise<{ status: number; json: { error?: { code: string } } }>) => {
  const { status, json } = await reply
  return [status, json.error?.code]
}

describe('a VM', () => {
  test('is made with its disk, runs, stops, starts and takes along what is marked to go with it', async () => {
    const made = await bare.raw.arm('PUT', vmPath('a'), vmModel(await nic('na')))
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
    const keeping = vmModel(nicId)
    keeping.properties.storageProfile.osDisk.deleteOption = 'Detach'
    await bare.raw.arm('PUT', vmPath('b'), keeping)
    const disk = bare.cloud.residue().find(({ kind }) => kind === 'disk')
    const path = `/${disk?.id.split('/').slice(3).join('/')}`
    expect(await refusal(bare.raw.arm('DELETE', `${path}?${storage}`))).toEqual([409, 'OperationNotAllowed'])
    expect(await refusal(bare.raw.arm('DELETE', nicPath('nb')))).toEqual([400, 'NicInUse'])
    expect(await refusal(bare.raw.arm('PUT', vmPath('b2'), vmModel(nicId)))).toEqual([400, 'NicInUse'])
    await bare.raw.arm('DELETE', vmPath('b'))
    expect(bare.cloud.residue().find(({ kind }) => kind === 'disk')?.state).toBe('Unattached')
    await bare.raw.arm('DELETE', `${path}?${storage}`)
  })

  test('cannot be changed into another one', async () => {
    const nicId = await nic('nc')
    await bare.raw.arm('PUT', vmPath('c'), vmModel(nicId))
    expect((await bare.raw.arm('PUT', vmPath('c'), vmModel(nicId))).status).toBe(200)
    const other = vmModel(nicId)
    other.properties.osProfile.computerName = 'db'
    expect(await refusal(bare.raw.arm('PUT', vmPath('c'), other))).toEqual([409, 'PropertyChangeNotAllowed'])
    expect(await refusal(bare.raw.arm('PUT', vmPath('c'), { ...vmModel(nicId), zones: ['2'] }))).toEqual([
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
    const body = vmModel(await nic('nd'), changes)
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
    vmModel(await nic('ne'), {
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
