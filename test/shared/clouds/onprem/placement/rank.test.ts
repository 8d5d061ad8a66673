import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CloudError } from '#shared/clouds/errors.ts'
import { rankHosts, type Demand, type HostView } from '#shared/clouds/onprem/placement/rank.ts'

const gib = 2 ** 30

const host = (name: string, changes: Partial<HostView> = {}): HostView => ({
  name,
  vcpus: 8,
  memoryMib: 8192,
  claims: [],
  maintenance: false,
  freeBytes: 100 * gib,
  architectures: ['x86_64'],
  firmwares: ['bios', 'uefi'],
  networkKinds: ['user'],
  bridges: [],
  ...changes,
})

const demand = (changes: Partial<Demand> = {}): Demand => ({
  id: 'new',
  vcpus: 2,
  memoryMib: 1024,
  storageBytes: gib,
  architecture: 'x86_64',
  firmware: 'bios',
  network: { kind: 'user' },
  dedicated: false,
  ...changes,
})

const claim = (id: string, vcpus: number, memoryMib: number, dedicated = false) => ({
  id,
  vcpus,
  memoryMib,
  dedicated,
})
const names = (hosts: HostView[]) => hosts.map(({ name }) => name)
const refusalOf = (work: () => unknown): CloudError => {
  try {
    work()
  } catch (error) {
    if (error instanceof CloudError) return error
  }
  throw new Error('it was not refused')
}

const outcomeOf = (work: () => string[]): string[] => {
  try {
    return work()
  } catch (error) {
    return [error instanceof CloudError ? error.code : String(error)]
  }
}

describe('placement', () => {
  test('VMs spread: the host with the largest share left comes first, equals go by name', () => {
    const busy = host('a', { claims: [claim('1', 4, 1024)] })
    expect(names(rankHosts(demand(), [busy, host('c'), host('b')]))).toEqual(['b', 'c', 'a'])
  })

  test('of CPU and memory the scarcer counts', () => {
    const short = host('a', { claims: [claim('1', 0, 6144)] })
    const even = host('b', { claims: [claim('1', 4, 4096)] })
    expect(names(rankHosts(demand(), [short, even]))).toEqual(['b', 'a'])
  })

  test('a VM goes where its disks are, if there is room', () => {
    const full = host('a', { claims: [claim('1', 8, 1024)] })
    expect(
      names(rankHosts(demand({ near: 'b' }), [host('a'), host('b', { claims: [claim('1', 4, 0)] })]))[0],
    ).toBe('b')
    expect(names(rankHosts(demand({ near: 'a' }), [full, host('b')]))).toEqual(['b'])
  })

  test('what a VM claims already does not stand in its own way', () => {
    const view = host('a', { claims: [claim('new', 8, 8192)] })
    expect(names(rankHosts(demand({ vcpus: 8, memoryMib: 8192 }), [view]))).toEqual(['a'])
  })

  test('a VM with hardware of its own is alone on its host, and stays so', () => {
    const empty = host('a')
    const used = host('b', { claims: [claim('1', 1, 64)] })
    const taken = host('c', { claims: [claim('1', 1, 64, true)] })
    expect(names(rankHosts(demand({ dedicated: true }), [empty, used, taken]))).toEqual(['a'])
    expect(names(rankHosts(demand(), [used, taken]))).toEqual(['b'])
  })

  test.for<[string, Partial<Demand>, Partial<HostView>]>([
    ['is in maintenance', {}, { maintenance: true }],
    ['has 1 vCPU left, not 2', {}, { claims: [claim('1', 7, 0)] }],
    ['has 1023 MiB of memory left, not 1024', {}, { claims: [claim('1', 0, 7169)] }],
    ['has 1023 MiB of storage left, not 1024', {}, { freeBytes: gib - 1 }],
    ['does not run arm64', { architecture: 'arm64' }, {}],
    ['has no firmware for UEFI', { firmware: 'uefi' }, { firmwares: ['bios'] }],
    ['offers no nat network', { network: { kind: 'nat' } }, {}],
    [
      'has no bridge br7',
      { network: { kind: 'bridge', bridge: 'br7' } },
      { networkKinds: ['user', 'bridge'] },
    ],
  ])('a host that %s is passed over, and the refusal says so', ([reason, wish, state]) => {
    const refusal = refusalOf(() => rankHosts(demand(wish), [host('a', state)]))
    expect(refusal).toMatchObject({ code: 'capacity', kind: 'capacity', scope: 'region' })
    expect(refusal.message).toContain(`a ${reason}`)
    expect(refusal.remedy).toMatch(/\S/)
  })

  test('the refusal speaks of the zone if one was wished for, and names hosts that could not be asked', () => {
    const refusal = refusalOf(() =>
      rankHosts(demand({ zone: 'a' }), [host('a', { vcpus: 1 })], ['b could not be asked']),
    )
    expect(refusal.scope).toBe('zone')
    expect(refusal.message).toContain('b could not be asked')
  })

  test('whatever there is, a chosen host has room, and no host with room is left out', () => {
    const views = fc.array(
      fc.record({
        vcpus: fc.integer({ min: 1, max: 16 }),
        used: fc.integer({ min: 0, max: 20 }),
        out: fc.boolean(),
      }),
      { minLength: 1, maxLength: 8 },
    )
    fc.assert(
      fc.property(views, fc.integer({ min: 1, max: 8 }), (some, vcpus) => {
        const all = some.map(({ vcpus: total, used, out }, index) =>
          host(`h${index}`, { vcpus: total, claims: [claim('1', used, 0)], maintenance: out }),
        )
        const fit = all.filter(
          ({ vcpus: total, claims, maintenance }) => !maintenance && total - (claims[0]?.vcpus ?? 0) >= vcpus,
        )
        const outcome = outcomeOf(() => names(rankHosts(demand({ vcpus }), all)).toSorted())
        expect(outcome).toEqual(fit.length === 0 ? ['capacity'] : names(fit).toSorted())
      }),
    )
  })
})
