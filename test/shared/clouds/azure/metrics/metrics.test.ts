import { expect, test } from 'vitest'
import { meanOf } from '#test/clouds/core/metrics.ts'
import { openSubject } from '#test/shared/clouds/azure/subject.ts'
import { newJob, runVm } from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)

const minuteMs = 60_000

test('a period that Azure has no grain for is the mean of those that it has', async () => {
  const { cloud, loopback } = subject
  const vm = await runVm(subject, newJob())
  const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs
  // 7 minutes: only grains of one minute fit.
  const query = { from: new Date(nowMs - 6 * minuteMs), to: new Date(nowMs + minuteMs), periodS: 420 }
  loopback.clearCalls()
  const [cpu, network] = await cloud.metrics.vm(vm, {
    ...query,
    metrics: ['cpu_percent', 'network_in_bytes'],
  })
  expect(cpu?.points).toHaveLength(1)
  expect(cpu?.points[0]?.at).toEqual(query.from)
  const fine = await cloud.metrics.vm(vm, { ...query, periodS: 60, metrics: ['network_in_bytes'] })
  const values = (fine[0]?.points ?? []).map(({ value }) => value)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  expect(network?.points[0]?.value).toBeCloseTo(mean, 6)
  expect(values.every((value) => value > 0)).toBe(true)
})

test('memory in use is what is not available', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, newJob())
  const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs
  const [memory] = await cloud.metrics.vm(vm, {
    from: new Date(nowMs),
    to: new Date(nowMs + minuteMs),
    periodS: 60,
    metrics: ['memory_percent'],
  })
  // The meter is keyed by the machine's own id, which only the cloud knows: its range is what can be told here.
  const [low, high] = [meanOf('any', 'memory_percent', nowMs, nowMs + 1) - 75, 90]
  expect(memory?.points[0]?.value).toBeGreaterThan(Math.max(0, low))
  expect(memory?.points[0]?.value).toBeLessThanOrEqual(high)
})

const refused: [what: string, changes: object, field: string][] = [
  ['a period of no whole minutes', { periodS: 90 }, 'periodS'],
  ['an end before the beginning', { to: new Date(0) }, 'to'],
]
test.for(refused)('%s is refused by name', async ([, changes, field]) => {
  const query = {
    from: new Date(minuteMs),
    to: new Date(2 * minuteMs),
    periodS: 60,
    metrics: ['cpu_percent'] as const,
  }
  await expect(
    subject.cloud.metrics.vm({ region: 'eastus', id: 'x' }, { ...query, ...changes }),
  ).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field },
  })
})
