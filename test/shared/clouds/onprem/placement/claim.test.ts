import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CloudError } from '#shared/clouds/errors.ts'
import type { HostRecords, HypervisorHost } from '#shared/clouds/onprem/host.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { claimHost } from '#shared/clouds/onprem/placement/claim.ts'
import type { Demand } from '#shared/clouds/onprem/placement/rank.ts'
import { createRecordStore } from '#shared/clouds/onprem/record-store.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { labRecords } from '#test/shared/clouds/onprem/lab-records.ts'

type Lab = Awaited<ReturnType<typeof labRecords>>

describe('room on a host', () => {
  let labs: Lab[]
  beforeEach(async () => {
    labs = [await labRecords(), await labRecords()]
  })
  afterEach(() => Promise.all(labs.map((lab) => lab.close())))

  /** One process's view: the records are real, what the hosts have is given. */
  const site = (vcpus: number): Site => {
    const hosts = labs.map((lab, index) => hostOf(lab, `host-${index}`, vcpus))
    const [home] = hosts
    return { inRegion: () => hosts, homeOf: () => home, byZone: () => undefined } as unknown as Site
  }
  /** As a job does it: what is to be tried again is. */
  const claim = async (vcpus: number, wish: Partial<Demand> = {}) => {
    const demand = demandOf(wish)
    for (;;) {
      try {
        return await claimHost(site(vcpus), 'lab', demand, recordOf(demand))
      } catch (error) {
        if ((error as CloudError).kind !== 'retryable') throw error
      }
    }
  }
  const claimed = () => Promise.all(labs.map(async (lab) => (await lab.open().list('vm')).length))

  test('is never given away twice, by however many processes at once, and what is left is refused', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 12 }, () => claim(3)))
    const won = tries.filter(({ status }) => status === 'fulfilled').length
    expect(await claimed()).toEqual([3, 3])
    expect(won).toBe(6)
    const refused = tries.flatMap((each) => (each.status === 'rejected' ? [each.reason as CloudError] : []))
    expect(refused.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => 'capacity'))
  })

  test('spreads over hosts', async () => {
    for (let index = 0; index < 4; index++) await claim(8)
    expect(await claimed()).toEqual([2, 2])
  })

  test('kept for a dedicated VM is shared by nobody who came at the same time', async () => {
    const tries = await Promise.allSettled([
      claim(8, { dedicated: true }),
      ...Array.from({ length: 5 }, () => claim(8)),
    ])
    const all = await Promise.all(
      labs.map(async (lab) => (await lab.open().list('vm')).map(({ body }) => body as VmRecord)),
    )
    const shared = all.filter((vms) => vms.length > 1 && vms.some(({ tenancy }) => tenancy === 'dedicated'))
    expect(shared).toEqual([])
    expect(all.flat()).toHaveLength(tries.filter(({ status }) => status === 'fulfilled').length)
  })
})

const demandOf = (wish: Partial<Demand>): Demand => ({
  id: randomUUID(),
  vcpus: 1,
  memoryMib: 64,
  storageBytes: 0,
  architecture: 'x86_64',
  firmware: 'bios',
  network: { kind: 'user' },
  dedicated: false,
  ...wish,
})

const recordOf = ({ vcpus, memoryMib, dedicated }: Demand): VmRecord => ({
  name: 'claimed',
  tags: {},
  createdAt: new Date().toISOString(),
  instanceType: 'tiny',
  vcpus,
  memoryMib,
  architecture: 'x86_64',
  firmware: 'bios',
  disks: [],
  securityGroups: [],
  phase: 'creating',
  ...(dedicated ? { tenancy: 'dedicated' } : {}),
  powered: [],
})

function hostOf(lab: Lab, name: string, vcpus: number): Host {
  const [settings] = lab.settings.options.hosts
  if (!settings) throw new Error('there is a host')
  const records: HostRecords = lab.open()
  const facts: Awaited<ReturnType<HypervisorHost['facts']>> = {
    hypervisor: 'given',
    cpus: vcpus,
    memoryMib: 65_536,
    architectures: ['x86_64'],
    firmwares: ['bios'],
    acceleration: { kind: 'tcg', reason: 'given' },
    networkKinds: ['user'],
    growing: { vcpus: true, memory: true },
    filter: 'forwards',
  }
  return {
    name,
    region: 'lab',
    settings: { ...settings, overcommit: { vcpus: 1, memory: 1 } },
    records: createRecordStore(records, name),
    facts: () => Promise.resolve(facts),
    volumes: { pools: () => Promise.resolve([{ name: 'default', totalBytes: 1, freeBytes: 1 }]) },
  } as unknown as Host
}
