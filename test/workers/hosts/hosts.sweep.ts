import { expect, test } from 'vitest'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'
import { openWorld, wait } from '#test/workers/hosts/world.ts'

onQemu('hosts by REST, with real workers', (subject) => {
  test('a VM is relocated while it runs, its host is drained and opened again, and the books follow', async () => {
    const world = await openWorld(subject)
    try {
      const { client } = world
      const [first, second] = [await world.createVm('one', 'alpha'), await world.createVm('two', 'alpha')]
      const relocated = await client.post(
        `/vms/${first}/relocate`,
        { availability_zone: 'beta', max_downtime: '1s' },
        wait,
      )
      expect(relocated.body).toMatchObject({
        job: { state: 'succeeded', output: { relocation: { zone: 'beta', live: true } } },
        vm: { availability_zone: 'beta', state: 'running' },
      })

      const drained = await client.post('/providers/home/hosts/alpha/drain?max_downtime=1s', undefined, wait)
      expect(drained.body).toMatchObject({
        job: { state: 'succeeded', output: { moved: [{ name: 'two', to: 'beta', live: true }] } },
      })
      expect((await client.get(`/vms/${second}`)).body).toMatchObject({ availability_zone: 'beta' })
      expect(await world.hosts()).toMatchObject({
        alpha: { state: 'maintenance', vms: 0 },
        beta: { state: 'ready', vms: 2 },
      })

      // One that cannot go stays as it was, and takes no room where it was to be.
      expect((await client.post('/providers/home/hosts/alpha/open', undefined, wait)).body).toMatchObject({
        job: { state: 'succeeded' },
      })
      subject.loopback.inject({ operation: 'migrate', mode: 'error', code: 'GenericError', times: 100 })
      const held = await client.post('/providers/home/hosts/beta/drain', undefined, wait)
      subject.loopback.clearFaults()
      expect(held.body).toMatchObject({ job: { state: 'failed', problem: { code: 'host_not_empty' } } })
      expect(await world.hosts()).toMatchObject({
        alpha: { state: 'ready', vms: 0, vcpus: { used: 0 } },
        beta: { state: 'ready', vms: 2 },
      })
      const closed = await client.post('/providers/home/hosts/alpha/drain', undefined, wait)
      expect(closed.body).toMatchObject({ job: { state: 'succeeded' } })

      // Now there is nowhere to go: the drain fails, names who is stuck, and opens the host again.
      const stuck = await client.post('/providers/home/hosts/beta/drain', undefined, wait)
      expect(stuck.body).toMatchObject({ job: { state: 'failed', problem: { code: 'host_not_empty' } } })
      expect(stuck.text).toContain('two')
      expect((await client.post('/providers/home/hosts/alpha/open', undefined, wait)).body).toMatchObject({
        job: { state: 'succeeded' },
      })
      expect(await world.hosts()).toMatchObject({
        alpha: { state: 'ready', vms: 0 },
        beta: { state: 'ready', vms: 2 },
      })
    } finally {
      await world.close()
    }
  })
})
