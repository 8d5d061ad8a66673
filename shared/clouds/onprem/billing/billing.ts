import type { BillingFacet, FocusRow } from '#shared/clouds/port.ts'
import { focusRow } from '#shared/clouds/onprem/billing/row.ts'
import {
  overlapMs,
  shareOut,
  storageCost,
  type Span,
  type Tenant,
} from '#shared/clouds/onprem/billing/shares.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { hourlyCost } from '#shared/clouds/onprem/prices/cost.ts'
import { costsSince } from '#shared/clouds/onprem/prices/since.ts'
import { capacityOf } from '#shared/clouds/onprem/placement/view.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

const dayMs = 86_400_000

/**
 * What the hosts cost, by host and day: what each VM had of a host while it was powered on, what nobody had as idle capacity, volumes by their
 * size, and snapshots by what their files take up. The day that is not over is reckoned up to now.
 */
export const createBilling = (site: Site): BillingFacet => ({
  async *rows({ from, to }) {
    for (const [field, at] of Object.entries({ from, to })) wholeDay(field, at)
    const nowMs = Date.now()
    for (const host of site.hosts) {
      const books = await readBooks(host, nowMs)
      for (let dayStart = from.getTime(); dayStart < to.getTime(); dayStart += dayMs) {
        const within = { fromMs: dayStart, toMs: Math.min(dayStart + dayMs, nowMs) }
        if (within.toMs > within.fromMs && within.toMs > books.since.getTime())
          yield* rowsOfDay(site, host, books, within)
      }
    }
  },
})

/** All of a host that its bill is made of. */
interface Books {
  since: Date
  capacity: { vcpus: number; memoryMib: number }
  tenants: (Tenant & Billed & { instanceType: string })[]
  stored: (Billed & { sizeBytes: number; span: Span; kind: 'Volume' | 'Snapshot' })[]
}

interface Billed {
  id: string
  name: string
  tags: Record<string, string>
}

async function readBooks(host: Host, nowMs: number): Promise<Books> {
  const { records } = host
  const [since, capacity, vms, volumes, snapshots, ended] = await Promise.all([
    costsSince(host),
    capacityOf(host),
    records.list('vm'),
    records.list('volume'),
    records.list('snapshot'),
    records.list('usage'),
  ])
  const spanOf = ({ on, off }: { on: string; off?: string }): Span => ({
    fromMs: Date.parse(on),
    toMs: off === undefined ? nowMs : Date.parse(off),
  })
  const gone = ended.map(({ body }) => ({ ...body, id: body.resource }))
  // One that is on its way here still costs at its old host.
  const here = vms.filter(({ body }) => body.phase !== 'arriving')
  return {
    since,
    capacity,
    tenants: [
      ...here.map(({ id, body }) => ({ id, ...body, vm: body })),
      ...gone.flatMap((each) => (each.vm ? [{ ...each, vm: each.vm }] : [])),
    ].map(({ id, name, tags, vm: { instanceType, vcpus, memoryMib, powered } }) => ({
      id,
      name,
      tags: { ...tags },
      instanceType,
      vcpus,
      memoryMib,
      powered: powered.map(spanOf),
    })),
    stored: [
      ...volumes.map(({ id, body }) => ({ id, ...body, kind: 'Volume' as const })),
      // The file of a deleted one that others build on is there, too.
      ...snapshots
        .filter(({ body }) => body.arriving === undefined)
        .map(({ id, body }) => ({
          id,
          ...body,
          sizeBytes: body.storedBytes ?? 0,
          kind: 'Snapshot' as const,
        })),
      ...gone.flatMap(({ volume, snapshot, ...each }) => [
        ...(volume ? [{ ...each, ...volume, kind: 'Volume' as const }] : []),
        ...(snapshot ? [{ ...each, sizeBytes: snapshot.storedBytes ?? 0, kind: 'Snapshot' as const }] : []),
      ]),
    ].map((each) => ({
      id: each.id,
      name: each.name,
      tags: { ...each.tags },
      kind: each.kind,
      sizeBytes: each.sizeBytes,
      span: spanOf({
        on: 'arrivedAt' in each ? each.arrivedAt : each.createdAt,
        ...('deletedAt' in each ? { off: each.deletedAt } : {}),
      }),
    })),
  }
}

function* rowsOfDay(site: Site, host: Host, books: Books, within: Span): Generator<FocusRow> {
  const { cost } = host.settings
  const { since, capacity, tenants, stored } = books
  const row = focusRow(site.settings, host, within)
  const hourly = hourlyCost(cost, since, new Date(within.fromMs))
  const { shares, idle } = shareOut({ hourly, memoryShare: cost.memory_share, ...capacity }, within, tenants)
  for (const [index, { id, name, tags, instanceType, powered }] of tenants.entries()) {
    const onMs = overlapMs(powered, within)
    if (onMs === 0) continue
    yield row({
      units: shares[index] ?? 0n,
      category: 'Compute',
      service: 'Virtual machines',
      resource: { id, name, tags, type: 'Virtual machine' },
      sku: instanceType,
      quantity: { parts: BigInt(onMs), of: 3_600_000n, unit: 'Hours' },
    })
  }
  if (idle !== 0n)
    yield row({
      units: idle,
      category: 'Compute',
      service: 'Idle capacity',
      resource: { id: host.name, name: host.name, tags: {}, type: 'Host' },
    })
  for (const { id, name, tags, kind, sizeBytes, span } of stored) {
    const heldMs = overlapMs([span], within)
    if (heldMs === 0 || sizeBytes === 0) continue
    yield row({
      units: storageCost(cost.storage_per_gib_month, sizeBytes, heldMs),
      category: 'Storage',
      service: `${kind}s`,
      resource: { id, name, tags, type: kind },
      sku: 'qcow2',
      quantity: { parts: BigInt(sizeBytes) * BigInt(heldMs), of: 2n ** 30n * 3_600_000n, unit: 'GiB-Hours' },
    })
  }
}

function wholeDay(field: string, at: Date): void {
  if (at.getTime() % dayMs === 0) return
  throw refusal('billing.rows', `${field}: the bill is by whole UTC days, not ${at.toISOString()}.`, {
    code: 'invalid_request',
    remedy: 'Give the beginning of a day in UTC.',
    details: { field },
  })
}
