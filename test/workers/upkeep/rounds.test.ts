import { pino } from 'pino'
import { expect, test } from 'vitest'
import { openPool } from '#db/pool.ts'
import type { Cloud } from '#shared/clouds/port.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import { visitAll } from '#workers/upkeep/rounds.ts'

const log = pino({ level: 'silent' })

test('each enabled provider of hosts is visited, by one worker at a time, also after one that cannot be reached', async () => {
  const database = await createTestDatabase()
  const db = openPool(database.url, 3)
  const visits: string[] = []
  const byOthers: number[] = []
  const open = async (_: string, id: string): Promise<Cloud> => {
    if (id === 'a-down') throw new Error('nobody answers')
    const visit = async () => {
      visits.push(id)
      // While it is visited nobody else does.
      if (visits.length === 1) byOthers.push(await visitAll(db, open, 'minutely', log))
    }
    return { rounds: { minutely: visit, hourly: visit } } as unknown as Cloud
  }
  try {
    await db.query(`
      insert into tenants (id, name) values ('acme', 'acme');
      insert into cloud_providers (tenant_id, id, name, type, config, enabled) values
        ('acme', 'a-down', '', 'on-premise', '{}', true),
        ('acme', 'b-home', '', 'on-premise', '{}', true),
        ('acme', 'c-home', '', 'on-premise', '{}', true),
        ('acme', 'off', '', 'on-premise', '{}', false),
        ('acme', 'aws', '', 'aws', '{}', true)`)
    expect(await visitAll(db, open, 'minutely', log)).toBe(2)
    expect(byOthers).toEqual([1])
    expect(visits).toEqual(['b-home', 'c-home', 'c-home'])
  } finally {
    await db.end()
    await database.drop()
  }
})
