import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEmbedded } from '#db/embedded.ts'
import { createDatabase } from '#db/embedded/databases.ts'
import { migrate } from '#db/migrate.ts'
import type { Share } from '#shared/services/shared-server.ts'
import { strayCalls } from '#test/crash/strays.ts'
import { effects, isAscending, midCopy, progressOf, slowCopyDown } from '#test/crash/watch.ts'
import { openWorld, type World } from '#test/crash/world.ts'
import { newFolder } from '#test/setup/folder.ts'

const folder = newFolder()
let world: World
let share: Share
beforeAll(async () => {
  share = await openEmbedded(folder)
  const databaseUrl = await createDatabase(share.url, 'crash')
  await migrate(databaseUrl)
  world = await openWorld({ databaseUrl })
})
afterAll(async () => {
  await world?.close()
  await share?.release()
  rmSync(folder, { recursive: true, force: true })
})

test('a PostgreSQL killed in mid-copy and started again loses no migration', async () => {
  const [pair] = await Promise.all([
    world.openPair({ from: 'aws', to: 'azure', chunks: 24 }),
    world.keepAlive(1),
  ])
  slowCopyDown(pair)
  const jobId = await pair.migrate()
  await midCopy(world, jobId, 8)
  process.kill(share.pid(), 'SIGKILL')
  pair.clearFaults()
  expect(await world.finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
  expect(await pair.destinationIsIdentical()).toBe(true)
  expect(effects(pair)).toMatchObject({
    CreateSnapshot: 1,
    Disks_CreateOrUpdate: 1,
    NetworkInterfaces_CreateOrUpdate: 1,
    VirtualMachines_CreateOrUpdate: 1,
  })
  const events = await world.events(jobId)
  expect(isAscending(progressOf(events))).toBe(true)
  expect(strayCalls(pair, events, world.workers)).toEqual([])
})
