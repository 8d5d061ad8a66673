import { describe, expect, test } from 'vitest'
import { createMetrics } from '#shared/clouds/gcp/metrics/metrics.ts'
import { openParts } from '#test/shared/clouds/gcp/parts.ts'

const [region, zone] = ['us-central1', 'us-central1-a']
const minuteMs = 60_000
const vm = { region, id: `zones/${zone}/instances/meter` }

/** A running VM, and the metrics from ten minutes ago to five minutes from now. */
async function open() {
  const { gcp, loopback } = await openParts()
  await gcp.rest('insert', {
    method: 'POST',
    service: 'compute',
    path: `/compute/v1/projects/${gcp.project}/zones/${zone}/instances`,
    body: {
      name: 'meter',
      machineType: `zones/${zone}/machineTypes/e2-small`,
      disks: [
        {
          boot: true,
          initializeParams: {
            sourceImage: 'projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64',
          },
        },
      ],
      networkInterfaces: [{ network: 'global/networks/default' }],
    },
  })
  const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs
  const range = { from: new Date(nowMs - 10 * minuteMs), to: new Date(nowMs + 5 * minuteMs) }
  return { metrics: createMetrics(gcp), loopback, range }
}

describe('metrics of Google Cloud', () => {
  test('processor time is in percent of all vCPUs, and traffic in bytes a second', async () => {
    const { metrics, range } = await open()
    const look = () => metrics.vm(vm, { ...range, periodS: 60, metrics: ['cpu_percent', 'network_in_bytes'] })
    await expect.poll(async () => (await look())[0]?.points.length, { timeout: 10_000 }).toBeGreaterThan(0)
    const [cpu, network] = (await look()).map(({ points }) => points.at(-1)?.value ?? 0)
    expect(cpu).toBeGreaterThanOrEqual(1)
    expect(cpu).toBeLessThanOrEqual(100)
    expect(network).toBeGreaterThanOrEqual(2000)
  })

  test('memory is asked of the agent, and is empty where none runs', async () => {
    const { metrics, range, loopback } = await open()
    expect(metrics.offered).not.toContain('memory_percent')
    expect(await metrics.vm(vm, { ...range, periodS: 60, metrics: ['memory_percent'] })).toEqual([
      { metric: 'memory_percent', points: [] },
    ])
    expect(loopback.calls().at(-1)?.operation).toBe('monitoring.projects.timeSeries.list')
  })

  test('a period that is no whole number of minutes is refused before anything is asked', async () => {
    const { metrics, range, loopback } = await open()
    loopback.clearCalls()
    await expect(metrics.vm(vm, { ...range, periodS: 90, metrics: ['cpu_percent'] })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'periodS' },
    })
    expect(loopback.calls()).toEqual([])
  })

  test('a VM that is not there is not_found', async () => {
    const { metrics, range } = await open()
    const gone = { region, id: `zones/${zone}/instances/gone` }
    await expect(metrics.vm(gone, { ...range, periodS: 60, metrics: ['cpu_percent'] })).rejects.toMatchObject(
      {
        code: 'not_found',
      },
    )
  })
})
