import { expect, test } from 'vitest'
import {
  readSubnetRecords,
  recordTagsOf,
  writeSubnetRecord,
} from '#shared/clouds/azure/networks/subnet-records.ts'

const tags = { 'novacron-job': `job_${'x'.repeat(200)}`, 'novacron-tenant': 'acme', note: 'ü'.repeat(200) }

test('tags too long for one tag come back whole, beside the network’s own and another subnet’s', () => {
  const written = writeSubnetRecord('nc-1', tags)
  expect(Object.keys(written).length).toBeGreaterThan(1)
  for (const value of Object.values(written)) expect(value.length).toBeLessThanOrEqual(256)
  const other = writeSubnetRecord('nc-10', { 'novacron-job': 'other' })
  const { own, subnets } = readSubnetRecords({ mine: 'yes', ...other, ...written })
  expect(own).toEqual({ mine: 'yes' })
  expect(subnets.get('nc-1')).toEqual(tags)
  expect(subnets.get('nc-10')).toEqual({ 'novacron-job': 'other' })
  expect(recordTagsOf({ ...other, ...written }, 'nc-1').toSorted()).toEqual(Object.keys(written).toSorted())
})

test('a record that somebody has damaged counts as none', () => {
  expect(readSubnetRecords({ 'novacron-subnet.nc-1.0': '{"novacron-job":"x' }).subnets.get('nc-1')).toEqual(
    {},
  )
})
