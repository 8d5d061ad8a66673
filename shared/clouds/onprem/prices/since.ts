import type { Host } from '#shared/clouds/onprem/hosts.ts'

/**
 * Since when a host costs: what its settings say, else the day it was first asked about, which is put on record. A day in UTC.
 */
export async function costsSince({ settings, records, name }: Host): Promise<Date> {
  if (settings.cost.since !== undefined) return new Date(`${settings.cost.since}T00:00:00Z`)
  const seen = await records.get('seen', name)
  if (seen) return dayOf(seen.seenAt)
  const seenAt = new Date().toISOString()
  await records.insert('seen', name, { seenAt })
  return dayOf((await records.get('seen', name))?.seenAt ?? seenAt)
}

const dayOf = (instant: string): Date => new Date(`${instant.slice(0, 10)}T00:00:00Z`)
