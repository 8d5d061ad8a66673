import { expect, test } from 'vitest'
import type { InstanceSize } from '#shared/clouds/port.ts'
import { chooseSize } from '#shared/placement/sizes.ts'
import awsTypes from '#test/clouds/aws/types.json' with { type: 'json' }
import azureSkus from '#test/clouds/azure/skus.json' with { type: 'json' }

const aws = awsTypes.map((type): InstanceSize => ({
  name: type.name,
  vcpus: type.vcpus,
  memoryMib: type.memoryMib,
  architectures: [type.architecture === 'arm64' ? 'arm64' : 'x86_64'],
  firmwares: type.bootModes.map((mode) => (mode === 'uefi' ? 'uefi' : 'bios')),
  burstable: /^t\d/.test(type.name),
  gpus: type.gpus,
}))
const azure = azureSkus.map((sku): InstanceSize => ({
  name: sku.name,
  vcpus: sku.vcpus,
  memoryMib: sku.memoryGb * 1024,
  architectures: [sku.architecture === 'Arm64' ? 'arm64' : 'x86_64'],
  firmwares: sku.generations.split(',').map((generation) => (generation === 'V2' ? 'uefi' : 'bios')),
  burstable: sku.name.startsWith('Standard_B'),
  gpus: sku.gpus,
}))

test.each([
  ['nano', 't3.nano', 'Standard_B1ls'],
  ['micro', 't3.micro', 'Standard_B2ts_v2'],
  ['small', 't3.small', 'Standard_B1ms'],
  ['medium', 't3.medium', 'Standard_B2als_v2'],
  ['Large', 't3.large', 'Standard_B2as_v2'],
  ['xlarge', 't3.xlarge', 'Standard_B4as_v2'],
  ['2xlarge', 't3.2xlarge', 'Standard_B8as_v2'],
])('the generic size %s is a %s at AWS and a %s at Azure', (instanceType, atAws, atAzure) => {
  expect(chooseSize(aws, { instanceType }).name).toBe(atAws)
  expect(chooseSize(azure, { instanceType }).name).toBe(atAzure)
})

test.each([
  [{ vcpus: 2, memoryMib: 16_384 }, 'r6i.large', 'Standard_E2as_v5'],
  [{ vcpus: 16, memoryMib: 1_024 }, 'c6i.4xlarge', 'Standard_B16s_v2'],
  [{ vcpus: 2, memoryMib: 4_096, architecture: 'arm64' as const }, 't4g.medium', 'Standard_B2pls_v2'],
  [{ vcpus: 1, memoryMib: 512, gpus: 1 }, 'g5.xlarge', 'Standard_NC4as_T4_v3'],
])('%j is met by the cheapest size that is large enough', (demand, atAws, atAzure) => {
  expect(chooseSize(aws, demand).name).toBe(atAws)
  expect(chooseSize(azure, demand).name).toBe(atAzure)
})

test('the choice does not depend on the order of the offers', () => {
  for (const sizes of [aws, azure])
    for (const instanceType of ['small', 'medium', 'xlarge'])
      expect(chooseSize(sizes.toReversed(), { instanceType })).toBe(chooseSize(sizes, { instanceType }))
})

test("the cloud's own name is taken as it is meant, and nothing beside it counts", () => {
  expect(chooseSize(azure, { instanceType: 'standard_d2S_V5', vcpus: 64 }).name).toBe('Standard_D2s_v5')
})

test('a size of the other architecture is refused by name', () => {
  expect(() => chooseSize(aws, { instanceType: 't4g.medium', architecture: 'x86_64' })).toThrow(
    'The size "t4g.medium" runs arm64 by uefi, not x86_64.',
  )
})

test('what nobody offers is refused, naming what was asked for and what there is', () => {
  expect(() => chooseSize(azure, { vcpus: 512, memoryMib: 1024 })).toThrow(
    expect.objectContaining({
      code: 'size_unavailable',
      message: 'No size on offer here has 512 vCPU, 1024 MiB, x86_64.',
      remedy: expect.stringContaining('Standard_D32s_v5 (32 vCPU, 131072 MiB)') as unknown,
    }),
  )
  expect(() => chooseSize(azure, { instanceType: 'm5.large' })).toThrow(
    expect.objectContaining({ code: 'size_unknown', message: 'The cloud offers no size "m5.large" here.' }),
  )
  expect(() => chooseSize([], { instanceType: 'medium' })).toThrow(
    expect.objectContaining({ code: 'size_unavailable' }),
  )
})
