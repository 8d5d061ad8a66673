import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { runControlPlane } from '#test/clouds/onprem/killed-control-plane.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { tracesOf } from '#test/clouds/onprem/traces.ts'
import { guestReady } from '#test/clouds/onprem/until.ts'

test('a control plane that is killed while it starts machines leaves them to the next, and none runs twice', async (context) => {
  await needsQemu(context)
  const { machines, host } = await openTestHost()
  const ids = Array.from({ length: 4 }, () => randomUUID())
  const up = await runControlPlane(host.layout.folder, ids, { killAfter: 1, delayMs: 20 })
  expect(up.length).toBeGreaterThan(0)
  await Promise.all(up.map((id) => guestReady(machines, id)))

  expect((await runControlPlane(host.layout.folder, ids)).toSorted()).toEqual(ids.toSorted())
  await Promise.all(ids.map((id) => guestReady(machines, id)))
  // Those that were up have not been started anew.
  for (const id of up) await guestReady(machines, id, 1)
  const { processes } = await tracesOf(host.layout.folder)
  const running = processes.map((line) => /-uuid (\S+)/.exec(line)?.[1] ?? '')
  expect(running.toSorted()).toEqual(ids.toSorted())
  expect(new Set((await machines.list()).map(({ state }) => state))).toEqual(new Set(['running']))
})
