import type { Host } from '#shared/clouds/onprem/hosts.ts'

/** Since when a host costs: what its settings say, else the day it was first asked about, which is put on record. A day in UTC. */
export async function costsSince({ settings, records, name }: Host): Promise<Date> {
  const seenAt = (await records.get('seen', name))?.seenAt ?? (await noteSeen({ records, name }))
  return new Date(`${settings.cost.since ?? seenAt.slice(0, 10)}T00:00:00Z`)
}

async function noteSeen({ records, name }: Pick<Host, 'records' | 'name'>): Promise<string> {
  const seenAt = new Date().toISOString()
  await records.insert('seen', name, { seenAt })
  return (await records.get('seen', name))?.seenAt ?? seenAt
}
