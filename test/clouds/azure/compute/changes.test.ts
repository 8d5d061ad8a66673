import { beforeAll, expect, test } from 'vitest'
import { bareAzure, diskPath } from '#test/clouds/azure/harness.ts'
import { idOf, makeNic, vmModel, vmPath } from '#test/clouds/azure/compute/model.ts'

const bare = bareAzure({ coreQuota: 100 })
const codeOf = async (reply: Promise<{ status: number; json: { error?: { code: string } } }>) => {
  const { status, json } = await reply
  return [status, json.error?.code]
}
const makeVm = async (name: string, changes: object = {}) => {
  const reply = await bare.raw.arm(
    'PUT',
    vmPath(name),
    vmModel(await makeNic(bare, `${name}-nic`), { ...changes }),
  )
  if (reply.status !== 201) throw new Error(reply.text)
}
const makeDisk = async (name: string) => {
  const properties = { creationData: { createOption: 'Empty' }, diskSizeGB: 4 }
  await bare.raw.arm('PUT', diskPath(name), { location: 'eastus', properties })
  return idOf(bare, diskPath(name))
}
const change = (vm: string, body: object) => bare.raw.arm('POST', vmPath(vm, '/attachDetachDataDisks'), body)
const patch = (vm: string, properties: object) => bare.raw.arm('PATCH', vmPath(vm), { properties })

beforeAll(() => makeVm('a'))

test('a data disk takes the lowest free place, and none that is taken', async () => {
  const [one, two, three] = await Promise.all(['d1', 'd2', 'd3'].map(makeDisk))
  await change('a', { dataDisksToAttach: [{ diskId: one, lun: 1 }] })
  await change('a', { dataDisksToAttach: [{ diskId: two }] })
  const vm = await bare.raw.arm('GET', vmPath('a'))
  const { storageProfile } = vm.json['properties'] as { storageProfile: { dataDisks: { lun: number }[] } }
  expect(storageProfile.dataDisks.map(({ lun }) => lun)).toEqual([1, 0])
  expect(await codeOf(change('a', { dataDisksToAttach: [{ diskId: three, lun: 1 }] }))).toEqual([
    409,
    'ConflictingUserInput',
  ])
  expect(await codeOf(change('a', { dataDisksToAttach: [{ diskId: one }] }))).toEqual([
    409,
    'AttachDiskWhileAttached',
  ])
  expect(await codeOf(change('a', { dataDisksToDetach: [{ diskId: three }] }))).toEqual([
    400,
    'InvalidParameter',
  ])
})

test('a size holds so many data disks and no more', async () => {
  await makeVm('small')
  const disks = await Promise.all(['m1', 'm2', 'm3', 'm4', 'm5'].map(makeDisk))
  const attach = (ids: string[]) => change('small', { dataDisksToAttach: ids.map((diskId) => ({ diskId })) })
  expect((await attach(disks.slice(0, 4))).status).toBe(202)
  expect(await codeOf(attach(disks.slice(4)))).toEqual([409, 'OperationNotAllowed'])
})

test.for([
  ['evictionPolicy', { evictionPolicy: 'Deallocate' }, [400, 'InvalidParameter']],
  ['a price', { billingProfile: { maxPrice: 1 } }, [400, 'InvalidParameter']],
  [
    'hibernation',
    { additionalCapabilities: { hibernationEnabled: true }, priority: 'Spot' },
    [400, 'OperationNotAllowed'],
  ],
  ['a place', { proximityPlacementGroup: { id: '/nowhere' } }, [404, 'NotFound']],
  ['an unknown wish', { spotty: true }, [400, 'InvalidRequestContent']],
] as const)('%s is refused where it does not belong', async ([, properties, refusal]) => {
  const model = vmModel(await makeNic(bare, 'wishes'), { ...properties })
  expect(await codeOf(bare.raw.arm('PUT', vmPath('wishes'), model))).toEqual(refusal)
})

test('a running VM keeps its size and its boot disk, a hibernated one its disks', async () => {
  await makeVm('fixed', { additionalCapabilities: { hibernationEnabled: true } })
  const disk = await makeDisk('other')
  const osDisk = { createOption: 'FromImage', name: 'other', managedDisk: { id: disk } }
  const refused = [409, 'OperationNotAllowed']
  expect(await codeOf(patch('fixed', { hardwareProfile: { vmSize: 'Standard_D4s_v5' } }))).toEqual(refused)
  expect(await codeOf(patch('fixed', { storageProfile: { osDisk } }))).toEqual(refused)
  const hibernate = () => bare.raw.arm('POST', `${vmPath('fixed', '/deallocate')}&hibernate=true`)
  expect(await codeOf(hibernate())).toEqual(refused)
  await bare.raw.arm('PUT', vmPath('fixed', '/extensions/h'), {
    location: 'eastus',
    properties: { publisher: 'Microsoft.CPlat.Core', type: 'LinuxHibernateExtension' },
  })
  expect((await hibernate()).status).toBe(202)
  expect(await codeOf(change('fixed', { dataDisksToAttach: [{ diskId: disk }] }))).toEqual(refused)
  expect(await codeOf(patch('fixed', { hardwareProfile: { vmSize: 'Standard_D4s_v5' } }))).toEqual(refused)
  await bare.raw.arm('POST', vmPath('fixed', '/deallocate'))
  const attach = { ...osDisk, createOption: 'Attach' }
  expect(await codeOf(patch('fixed', { storageProfile: { osDisk: attach } }))).toEqual([
    409,
    'PropertyChangeNotAllowed',
  ])
  expect((await patch('fixed', { hardwareProfile: { vmSize: 'Standard_D4s_v5' } })).status).toBe(200)
})
