import { expect, test } from 'vitest'
import { instanceTypes } from '#test/clouds/aws/catalog.ts'
import { hourlyPrice, typeNamed } from '#test/clouds/aws/json/prices.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)

const prices = (region: string, skus?: string[]) =>
  Array.fromAsync(subject.cloud.prices.list(skus === undefined ? { region } : { region, skus }))

test('all prices of a region are those of Linux on shared hardware: one for each type, one at spot for each zone', async () => {
  const all = await prices('eu-west-1')
  const onDemand = all.filter(({ kind, model }) => kind === 'vm' && model === 'on_demand')
  expect(onDemand.map(({ sku }) => sku).toSorted()).toEqual(instanceTypes.map(({ name }) => name).toSorted())
  const small = typeNamed('t3.small')
  const price = onDemand.find(({ sku }) => sku === 't3.small')?.price
  expect(Number(price?.amount)).toBeCloseTo(small ? hourlyPrice(small, 'eu-west-1') : Number.NaN, 9)
  const spot = all.filter(({ model }) => model === 'spot')
  expect(new Set(spot.map(({ sku, zone }) => `${sku} ${zone}`)).size).toBe(spot.length)
  expect(spot).toHaveLength(instanceTypes.length * 3)
  for (const { price: money } of all) expect(money.amount).toMatch(/^\d+(\.\d*[1-9])?$/)
})

test('some types, or volumes alone, are asked for without the rest', async () => {
  expect(new Set((await prices('us-east-1', ['m5.large', 'gp3'])).map(({ sku }) => sku))).toEqual(
    new Set(['m5.large', 'gp3']),
  )
  subject.loopback.clearCalls()
  const [volume, ...more] = await prices('us-east-1', ['gp3'])
  expect(volume).toMatchObject({
    kind: 'volume',
    sku: 'gp3',
    unit: 'gib_month',
    price: { amount: '0.08', currency: 'USD' },
  })
  expect(more).toEqual([])
  expect(subject.loopback.calls().some(({ operation }) => operation === 'DescribeSpotPriceHistory')).toBe(
    false,
  )
})

test('a type that there is not has no price, and takes away none of the others', async () => {
  expect(await prices('us-east-1', ['t9.huge'])).toEqual([])
  expect(new Set((await prices('us-east-1', ['t9.huge', 'm5.large'])).map(({ sku }) => sku))).toEqual(
    new Set(['m5.large']),
  )
})

test('used vCPUs, addresses and storage are those that there are', async () => {
  const used = async (kind: string, family?: string) =>
    (await subject.cloud.quotas.list('us-east-1')).find(
      (quota) => quota.kind === kind && quota.family === family,
    )
  expect(await used('vcpus', 'standard')).toMatchObject({ limit: 512, used: 0 })
  await subject.loopback.populate(3)
  expect(await used('vcpus', 'standard')).toMatchObject({ used: 6 })
  expect(await used('volume_gib', 'gp3')).toMatchObject({ limit: 51_200, used: 3, unit: 'GiB' })
})
