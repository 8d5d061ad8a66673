import { expect, test } from 'vitest'
import { compute, networking } from '#test/clouds/azure/harness.ts'
import { newJob, removeAll, runVm, untilGone, untilState } from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)

test('deleting a VM that others made takes along its disk, interface and public address, though nothing is marked so', async () => {
  const { raw } = subject
  const group = '/resourceGroups/novacron/providers'
  const idOf = (path: string) => `/subscriptions/${subject.settings.credentials['subscription_id']}${path}`
  const put = async (path: string, api: string, body: object) => {
    const reply = await raw.arm('PUT', `${path}?${api}`, body)
    if (reply.status >= 300) throw new Error(reply.text)
  }
  const first = newJob()
  await runVm(subject, first) // makes group and network
  await removeAll(subject, first)
  const tags = { by: 'hand' }
  const address = `${group}/Microsoft.Network/publicIPAddresses/hand`
  const nic = `${group}/Microsoft.Network/networkInterfaces/hand`
  const subnet = `${group}/Microsoft.Network/virtualNetworks/novacron-${region}/subnets/default`
  await put(address, networking, {
    location: region,
    tags,
    sku: { name: 'Standard' },
    properties: { publicIPAllocationMethod: 'Static' },
  })
  await put(nic, networking, {
    location: region,
    tags,
    properties: {
      ipConfigurations: [
        { name: 'ip', properties: { subnet: { id: idOf(subnet) }, publicIPAddress: { id: idOf(address) } } },
      ],
    },
  })
  const vm = `${group}/Microsoft.Compute/virtualMachines/hand`
  await put(vm, compute, {
    location: region,
    tags,
    properties: {
      hardwareProfile: { vmSize: 'Standard_B1s' },
      storageProfile: {
        imageReference: {
          publisher: 'Canonical',
          offer: 'ubuntu-24_04-lts',
          sku: 'server',
          version: 'latest',
        },
        osDisk: { createOption: 'FromImage' },
      },
      networkProfile: { networkInterfaces: [{ id: idOf(nic) }] },
      osProfile: { computerName: 'hand', adminUsername: 'me', adminPassword: 'Secret-1234' },
    },
  })
  const ref = { region, id: idOf(vm) }
  expect((await untilState(subject.cloud, ref, 'running')).publicIp).toMatch(/^20\.61\./)
  expect(subject.loopback.residue().filter((each) => each.tags['by'] === 'hand')).toHaveLength(4)
  await subject.cloud.compute.delete(ref)
  await untilGone(subject.cloud, ref)
  expect(subject.loopback.residue().filter((each) => each.tags['by'] === 'hand')).toEqual([])
})
