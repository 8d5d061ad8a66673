import { describe, expect, test } from 'vitest'
import { machineRate } from '#shared/clouds/gcp/prices/prices.ts'

const rate = (description: string, usageType = 'OnDemand') =>
  machineRate({ description, category: { usageType } })

describe('the price catalogue', () => {
  test.for([
    ['E2 Instance Core running in Americas', 'OnDemand', 'e2', 'on_demand', 'core'],
    ['N2D AMD Instance Ram running in Iowa', 'OnDemand', 'n2d', 'on_demand', 'ram'],
    ['N1 Predefined Instance Core running in Belgium', 'OnDemand', 'n1', 'on_demand', 'core'],
    ['Spot Preemptible C3 Instance Core running in Netherlands', 'Preemptible', 'c3', 'spot', 'core'],
    ['Preemptible T2A Arm Instance Ram running in Taiwan', 'Preemptible', 't2a', 'spot', 'ram'],
    ['Compute optimized Core running in Americas', 'OnDemand', 'c2', 'on_demand', 'core'],
    ['M3 Memory-optimized Instance Ram running in Americas', 'OnDemand', 'm3', 'on_demand', 'ram'],
  ])(
    'prices of plain machines are told by their description: %s',
    ([description, usageType, family, model, part]) => {
      expect(rate(description ?? '', usageType)).toEqual({ family, model, part })
    },
  )

  test.for([
    'N2 Custom Instance Core running in Americas',
    'N2 Sole Tenancy Instance Ram running in Americas',
    'Sole Tenancy Premium for N2 Instance Core running in Americas',
    'Reserved N2 Instance Core running in Americas',
    'Commitment v1: N2 Cpu in Americas for 1 Year',
    'Nvidia Tesla T4 GPU running in Americas',
    'Licensing Fee for Windows Server 2022 (CPU cost)',
  ])('prices of anything else are not taken for theirs: %s', (description) => {
    expect(rate(description)).toBeUndefined()
  })

  test('commitments are not prices of an hour', () => {
    expect(rate('N2 Instance Core running in Americas', 'Commit1Yr')).toBeUndefined()
  })
})
