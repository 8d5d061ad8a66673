import { expect, test } from 'vitest'
import type { World } from '#test/workers/resources/world.ts'

/** What a sync takes into the books. */
export function syncSuite(current: () => World): void {
  test('a sync finds what our books had lost, keeps what they know, and marks what is gone', async () => {
    const world = current()
    const { pool } = world.api
    const zone = world.dialect.region === 'eastus' ? {} : { zone: world.dialect.zone }
    const made = await world.post('/volumes', { provider_id: 'cloud-1', name: 'lost', size_gib: 10, ...zone })
    const network = await world.post('/networks', {
      provider_id: 'cloud-1',
      name: 'known',
      cidr: '10.60.0.0/16',
    })
    const cloudId = made.body['volume']?.['cloud_id']
    await pool.query('delete from cloud_resources where cloud_id = $1', [cloudId])
    await pool.query(
      `insert into cloud_resources (id, tenant_id, provider_id, kind, cloud_id, region, name, state, tags, observed, updated_at)
       values ('vol_ghost', 'acme', 'cloud-1', 'volume', 'ghost', $1, 'ghost', 'available', '{}', '{}', now() - interval '1 hour')`,
      [world.dialect.region],
    )
    const { body } = await world.post('/providers/cloud-1/sync')
    expect(body['job']).toMatchObject({ kind: 'provider.sync', state: 'succeeded' })
    const { volumes } = await world.get('/volumes?limit=200')
    expect(volumes).toContainEqual(expect.objectContaining({ cloud_id: cloudId, found: true, size_gib: 10 }))
    expect(volumes).not.toContainEqual(expect.objectContaining({ id: 'vol_ghost' }))
    expect(await world.get('/volumes/vol_ghost')).toMatchObject({ state: 'deleted' })
    const known = network.body['network']
    expect(await world.get(`/networks/${String(known?.['id'])}`)).toMatchObject({
      state: 'available',
      found: false,
    })
    const found = (volumes as unknown as { id: string; cloud_id: string }[]).find(
      (one) => one.cloud_id === String(cloudId),
    )
    expect((await world.delete(`/volumes/${found?.id}`)).body).toMatchObject({ volume: { state: 'deleted' } })
    await world.delete(`/networks/${String(known?.['id'])}`)
  })

  test('a VM that a sync has found does not keep its provider from being removed', async () => {
    const world = current()
    const vm = await world.runVm()
    await world.api.pool.query('delete from multicloud_vms where id = $1', [vm['id']])
    await world.post('/providers/cloud-1/sync')
    const { vms } = await world.get('/vms?limit=200')
    const found = (vms as unknown as { id: string; vm_id: string; state: string }[]).find(
      (one) => one.vm_id === String(vm['vm_id']),
    )
    expect(found).toMatchObject({ state: 'running' })
    const { rows } = await world.api.pool.query('select found from multicloud_vms where id = $1', [found?.id])
    expect(rows).toEqual([{ found: true }])
    expect((await world.delete(`/vms/${found?.id}`)).body).toMatchObject({ job: { state: 'succeeded' } })
  })
}
