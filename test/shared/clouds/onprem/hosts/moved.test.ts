import { describe, expect, test } from 'vitest'
import type { VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { tidyUp } from '#shared/clouds/onprem/upkeep.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { openSiteOfTest, owner, vmRecord } from '#test/shared/clouds/onprem/site.ts'

const hypervisor = await findHypervisor()
const why = 'reason' in hypervisor ? ` (skipped: ${hypervisor.reason})` : ''
const [arrived, onItsWay, staying] = ['1', '2', '3'].map(
  (nr) => `${nr}0000000-0000-4000-8000-000000000000`,
) as [string, string, string]

const volume = (vm: string): VolumeRecord => ({
  name: 'data',
  tags: owner,
  createdAt: '2026-05-10T14:00:00.000Z',
  pool: 'default',
  sizeBytes: 2 ** 30,
  type: 'ssd',
  format: 'qcow2',
  state: 'available',
  vm,
})

describe.skipIf(why !== '')(`upkeep of hosts${why}`, () => {
  test('what a VM has left where it was is cleared away once it has arrived, and not before', async () => {
    const site = await openSiteOfTest()
    const [alpha, beta] = site.hosts
    if (!alpha || !beta) throw new Error('there are two hosts')
    const moving = { to: 'beta' }
    const disks = ['vol-left', 'vol-back'].map((left, nr) => ({
      volume: left,
      device: `vd${'ab'[nr]}`,
      own: false,
    }))
    for (const id of [arrived, onItsWay]) await alpha.records.put('vm', id, vmRecord({ moving, disks }))
    await alpha.records.put('volume', 'vol-left', volume(arrived))
    // This one came back since, with another VM.
    await alpha.records.put('volume', 'vol-back', volume(staying))
    await alpha.records.put('vm', staying, vmRecord())
    await beta.records.put('vm', arrived, vmRecord())
    await beta.records.put('vm', onItsWay, vmRecord({ phase: 'arriving' }))
    await tidyUp(site)
    await tidyUp(site)
    expect((await alpha.records.list('volume')).map(({ id }) => id)).toEqual(['vol-back'])
    const ids = async (host: typeof alpha) => (await host.records.list('vm')).map(({ id }) => id).toSorted()
    expect(await ids(alpha)).toEqual([onItsWay, staying])
    expect(await ids(beta)).toEqual([arrived, onItsWay])
  })
})
