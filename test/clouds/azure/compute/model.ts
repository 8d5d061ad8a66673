import { networking, compute, type Bare } from '#test/clouds/azure/harness.ts'

export const providers = '/resourceGroups/g/providers'

export const vmPath = (name: string, action = ''): string =>
  `${providers}/Microsoft.Compute/virtualMachines/${name}${action}?${compute}`

export const nicPath = (name: string): string =>
  `${providers}/Microsoft.Network/networkInterfaces/${name}?${networking}`

/** The id of what a path of these leads to. */
export const idOf = ({ cloud }: Bare, path: string): string =>
  `/subscriptions/${cloud.credentials['subscription_id']}${path.split('?')[0]}`

/** An interface in the network `v`, which is made when missing. */
export async function makeNic(bare: Bare, name: string): Promise<string> {
  const network = `${providers}/Microsoft.Network/virtualNetworks/v`
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
      ipConfigurations: [
        { name: 'p', properties: { subnet: { id: `${idOf(bare, network)}/subnets/default` } } },
      ],
    },
  })
  return idOf(bare, nicPath(name))
}

const key = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64')}`

/** The body of a VM of the Ubuntu image. */
export const vmModel = (nicId: string, changes: Record<string, unknown> = {}) => ({
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
