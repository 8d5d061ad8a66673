import { describe, expect, test } from 'vitest'
import { features, operations, type Operation } from '#shared/clouds/operations.ts'
import type { CreateVm } from '#shared/clouds/port.ts'
import { intentOf, newJob, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { can, changesOf, refusalOf, vmRequest } from '#test/shared/clouds/conformance/things.ts'
import { callsOf, type Trace } from '#test/shared/clouds/conformance/trace.ts'

const names = Object.keys(operations) as Operation[]

/** What the cloud declares is what it does. Comes last: it looks at what all other sections have seen. */
export function capabilities(subject: Subject, trace: () => Trace): void {
  describe('the capabilities', () => {
    test('declare every operation and every feature', () => {
      const { operations: declared, features: offered } = subject.cloud.capabilities
      expect(Object.keys(declared).toSorted()).toEqual(names.toSorted())
      expect(Object.keys(offered).toSorted()).toEqual([...features].toSorted())
    })

    test('name every vendor call that an operation made', () => {
      const undeclared = [...trace().undeclared].map(([operation, calls]) => [operation, [...calls]])
      expect(Object.fromEntries(undeclared)).toEqual({})
    })

    test('name no vendor call that was never made', () => {
      expect(trace().seen.size, 'operations seen: run the whole suite, not this test alone').toBeGreaterThan(
        50,
      )
      const { operations: declared } = subject.cloud.capabilities
      const anywhere = new Set([...trace().seen.values()].flatMap((calls) => [...calls]))
      const waits = (subject.dialect.waits ?? []).filter((call) => anywhere.has(call))
      const never = names.flatMap((operation) => {
        const seen = new Set([...(trace().seen.get(operation) ?? []), ...waits])
        const excused = subject.dialect.unseen[operation] ?? {}
        const missing = callsOf(declared, operation).filter((call) => !seen.has(call) && !(call in excused))
        return missing.length === 0 ? [] : [[operation, missing]]
      })
      expect(Object.fromEntries(never)).toEqual({})
    })

    test('excuse only calls that they name', () => {
      const { operations: declared } = subject.cloud.capabilities
      const stale = names.flatMap((operation) => {
        const named = callsOf(declared, operation)
        const excused = Object.keys(subject.dialect.unseen[operation] ?? {})
        return excused.filter((call) => !named.includes(call)).map((call) => `${operation}: ${call}`)
      })
      expect(stale).toEqual([])
    })

    test('are true of what is lacking: it is refused with the reason, before anything is changed', async () => {
      for (const operation of names) {
        // That a cloud lacks spot prices shows in its prices: observation.ts.
        if (can(subject, operation) || operation === 'prices.list.spot') continue
        const attempt = attempts[operation]
        if (attempt === undefined) throw new Error(`tell capabilities.ts how to try ${operation}`)
        let refusal
        const changes = await changesOf(subject, async () => {
          refusal = await refusalOf(() => attempt(subject))
        })
        const declared = subject.cloud.capabilities.operations[operation]
        const reason = 'lacking' in declared ? declared.lacking : ''
        expect(reason).toMatch(/\S/)
        expect(refusal, `asked for ${operation}`).toMatchObject({ code: 'unsupported', kind: 'permanent' })
        expect(refusal, `asked for ${operation}`).toHaveProperty('message', expect.stringContaining(reason))
        expect(changes, `asked for ${operation}`).toEqual([])
      }
    })
  })
}

const create = (wishes: Partial<CreateVm>) => (subject: Subject) =>
  subject.cloud.compute.create({ ...vmRequest(subject, newJob()), ...wishes })

const nothing = ({ region }: Subject) => ({ region, id: 'of-no-matter' })

/** How to ask for what a cloud may lack. */
const attempts: Partial<Record<Operation, (subject: Subject) => Promise<unknown>>> = {
  'compute.customSize': ({ cloud, region }) => cloud.compute.customSize(region, 'custom-2-4096'),
  'compute.create.spot': create({ spot: {} }),
  'compute.create.spot_price_cap': create({ spot: { maxHourlyPrice: '5.00' } }),
  'compute.create.dedicated': create({ tenancy: 'dedicated' }),
  'compute.create.placement_group': create({ placementGroup: 'together' }),
  'compute.create.detailed_monitoring': create({ detailedMonitoring: true }),
  'compute.create.customer_key': create({ encryption: { keyId: 'a-key' } }),
  'compute.suspend': (subject) => subject.cloud.compute.suspend(nothing(subject)),
  'compute.resume': (subject) => subject.cloud.compute.resume(nothing(subject)),
  'compute.resize.live': (subject) =>
    subject.cloud.compute.resize(nothing(subject), subject.dialect.largerType, { live: true }),
  'disks.openChanges': (subject) => subject.cloud.disks.openChanges(nothing(subject), nothing(subject)),
  'disks.write_delta': (subject) =>
    subject.cloud.disks.createDisk({
      ...intentOf(newJob()),
      region: subject.region,
      name: 'delta',
      sizeBytes: 2 ** 30,
      firmware: 'bios',
      architecture: 'x86_64',
      parent: nothing(subject),
    }),
  'hosts.list': ({ cloud, region }) => Array.fromAsync(cloud.hosts.list({ region })),
  'hosts.setMaintenance': (subject) => subject.cloud.hosts.setMaintenance(nothing(subject), true),
  'hosts.relocate': (subject) => subject.cloud.hosts.relocate(nothing(subject)),
  'billing.rows': ({ cloud }) =>
    Array.fromAsync(cloud.billing.rows({ from: new Date('2026-01-01'), to: new Date('2026-01-02') })),
}
