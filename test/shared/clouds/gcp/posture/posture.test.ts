import { expect, test } from 'vitest'
import { openGcp } from '#shared/clouds/gcp/gcp.ts'
import type { Cloud, PostureResource } from '#shared/clouds/port.ts'
import { openParts } from '#test/shared/clouds/gcp/parts.ts'
import { settingsFor } from '#test/shared/clouds/gcp/subject.ts'

const region = 'us-central1'
const zone = 'us-central1-a'
const key = 'projects/novacron-loopback/locations/us-central1/keyRings/vms/cryptoKeys/disks'

/** Makes things as their owner would with other tools, and gives what the inventory tells of them. */
async function inventoryOf(
  make: (insert: (path: string, body: object) => Promise<unknown>) => Promise<unknown>,
) {
  const { gcp, loopback } = await openParts()
  await make((path, body) =>
    gcp.rest('insert', {
      method: 'POST',
      service: 'compute',
      path: `/compute/v1/projects/${gcp.project}/${path}`,
      body,
    }),
  )
  const cloud: Cloud = await openGcp(settingsFor(loopback))
  const all = await Array.fromAsync(cloud.posture.inventory({ region }))
  cloud.close()
  return <Kind extends PostureResource['kind']>(kind: Kind, id: string) =>
    all.find((one): one is Extract<PostureResource, { kind: Kind }> => one.kind === kind && one.id === id)
}

test('a VM tells its shield, its identity, its serial port and which rules reach it', async () => {
  const find = await inventoryOf((insert) =>
    insert(`zones/${zone}/instances`, {
      name: 'guarded',
      machineType: `zones/${zone}/machineTypes/e2-small`,
      disks: [
        {
          boot: true,
          initializeParams: {
            sourceImage: 'projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64',
          },
        },
      ],
      networkInterfaces: [{ network: 'global/networks/default' }],
      tags: { items: ['web'] },
      metadata: { items: [{ key: 'serial-port-enable', value: 'TRUE' }] },
      serviceAccounts: [
        {
          email: 'app@novacron-loopback.iam.gserviceaccount.com',
          scopes: ['https://www.googleapis.com/auth/cloud-platform'],
        },
      ],
      shieldedInstanceConfig: { enableSecureBoot: true, enableVtpm: false },
      deletionProtection: true,
    }),
  )
  expect(find('vm', `zones/${zone}/instances/guarded`)).toMatchObject({
    publicIp: false,
    securityGroups: ['default/web', 'default/*'],
    metadataProtected: true,
    secureBoot: true,
    virtualTpm: false,
    serialConsoleEnabled: true,
    identity: 'app@novacron-loopback.iam.gserviceaccount.com',
    deletionProtected: true,
  })
})

test('rules that aim at every VM of a network are told as a group, and whether anything is in it', async () => {
  const find = await inventoryOf((insert) =>
    insert('global/networks', { name: 'empty', autoCreateSubnetworks: false }),
  )
  expect(find('security_group', 'default/*')).toMatchObject({
    isDefault: true,
    inUse: false,
    rules: expect.arrayContaining([
      expect.objectContaining({
        direction: 'ingress',
        protocol: 'tcp',
        fromPort: 22,
        toPort: 22,
        cidrs: ['0.0.0.0/0'],
      }),
    ]) as unknown,
  })
})

test('a disk with a key of the user is told from one without', async () => {
  const find = await inventoryOf(async (insert) => {
    const type = `zones/${zone}/diskTypes/pd-balanced`
    await insert(`zones/${zone}/disks`, { name: 'theirs', sizeGb: '10', type })
    await insert(`zones/${zone}/disks`, {
      name: 'ours',
      sizeGb: '10',
      type,
      diskEncryptionKey: { kmsKeyName: key },
    })
  })
  expect(find('disk', `zones/${zone}/disks/theirs`)).toMatchObject({
    encrypted: true,
    customerKey: false,
    attached: false,
  })
  expect(find('disk', `zones/${zone}/disks/ours`)).toMatchObject({ encrypted: true, customerKey: true })
})

test('flow logs are told of networks with a subnet in the region, and of no other', async () => {
  const find = await inventoryOf(async (insert) => {
    await insert('global/networks', { name: 'logged', autoCreateSubnetworks: false })
    await insert(`regions/${region}/subnetworks`, {
      name: 'logged-a',
      network: 'global/networks/logged',
      ipCidrRange: '10.90.0.0/24',
      logConfig: { enable: true },
    })
    await insert('global/networks', { name: 'elsewhere', autoCreateSubnetworks: false })
  })
  expect(find('network', 'global/networks/logged')).toMatchObject({ flowLogs: true, isDefault: false })
  expect(find('network', 'global/networks/default')).toMatchObject({ flowLogs: false, isDefault: true })
  expect(find('network', 'global/networks/elsewhere')).not.toHaveProperty('flowLogs')
})

test('an image tells whether everybody may use it', async () => {
  const find = await inventoryOf(async (insert) => {
    await insert(`zones/${zone}/disks`, { name: 'source', sizeGb: '10' })
    await insert('global/images', { name: 'mine', sourceDisk: `zones/${zone}/disks/source` })
  })
  expect(find('image', 'global/images/mine')).toMatchObject({ public: false, encrypted: true })
})
