import { expect, test } from 'vitest'
import type { World } from '#test/workers/resources/world.ts'

/** What is asked of a cloud, kept, and answered. */
export function readingSuite(current: () => World): void {
  test('quotas are read once and then answered from what is kept, until something fresher is asked for', async () => {
    const world = current()
    const first = await world.get('/quotas?provider_id=cloud-1')
    expect(first).toMatchObject({ provider_id: 'cloud-1', region: world.dialect.region })
    expect((first['quotas'] as unknown as unknown[]).length).toBeGreaterThan(0)
    world.cloud.clearCalls()
    const again = await world.get('/quotas?provider_id=cloud-1')
    expect(again['observed_at']).toBe(first['observed_at'])
    expect(world.cloud.calls()).toHaveLength(0)
    const anew = await world.get('/quotas?provider_id=cloud-1&max_age=0s')
    expect(Date.parse(String(anew['observed_at']))).toBeGreaterThan(Date.parse(String(first['observed_at'])))
  })

  test('prices come by pages, on demand and spot', async () => {
    const world = current()
    const page = await world.get('/prices?provider_id=cloud-1&kind=vm&limit=3')
    expect(page['prices']).toHaveLength(3)
    const next = await world.get(
      `/prices?provider_id=cloud-1&kind=vm&limit=3&cursor=${String(page['next_cursor'])}`,
    )
    expect(next['observed_at']).toBe(page['observed_at'])
    const skus = [page, next].flatMap(
      ({ prices }) => prices as unknown as { sku: string; price: { amount: string } }[],
    )
    expect(skus.map(({ sku }) => sku)).toEqual(skus.map(({ sku }) => sku).toSorted())
    for (const { price } of skus) expect(price.amount).toMatch(/^\d+(\.\d+)?$/)
  })

  test('regions are told with those that are in use, and the control plane’s health with its figures', async () => {
    const world = current()
    const { regions } = await world.get('/providers/cloud-1/regions')
    expect(regions).toContainEqual(expect.objectContaining({ id: world.dialect.region, in_use: true }))
    // With no patience for what is known already: a worker makes a call first, and it counts.
    const metrics = await world.get('/providers/cloud-1/metrics?max_age=0s')
    expect(metrics).toMatchObject({
      status: expect.stringMatching(/healthy|degraded/) as unknown,
      calls: expect.any(Number) as unknown,
      workers: [expect.stringMatching(/^wrk_/)],
    })
    const operations = metrics['operations'] as unknown as { operation: string; calls: number }[]
    expect(operations.length).toBeGreaterThan(1)
    expect(operations.reduce((sum, { calls }) => sum + calls, 0)).toBe(metrics['calls'])
    // An operation is a kind of call: no id of anything is part of its name.
    for (const { operation } of operations) expect(operation).not.toMatch(/\d{4}|[0-9a-f]{8}/)
  })

  test('a VM’s metrics over a range have whole periods', async () => {
    const world = current()
    const vm = await world.runVm()
    const path = `/vms/${String(vm['id'])}`
    const answer = await world.get(`${path}/metrics?range=2h&period=10m&metrics=cpu_percent`)
    expect(answer).toMatchObject({
      vm_id: vm['id'],
      period_s: 600,
      series: [{ metric: 'cpu_percent', unit: expect.any(String) as unknown }],
    })
    expect(Date.parse(String(answer['to'])) - Date.parse(String(answer['from']))).toBe(2 * 3_600_000)
    expect(Date.parse(String(answer['to'])) % 600_000).toBe(0)
    await world.delete(path)
  })

  test('a question that the cloud refuses is answered with its reason', async () => {
    const world = current()
    world.cloud.inject({ operation: '*', mode: 'error', times: 20, ...world.dialect.forbidden })
    const answer = await world.client.get('/quotas?provider_id=cloud-1&max_age=0s', { prefer: 'wait=25' })
    world.cloud.clearFaults()
    expect(answer.status).toBe(502)
    expect(answer.body).toMatchObject({ code: 'cloud_refused', problem: { code: 'forbidden' } })
  })
}
