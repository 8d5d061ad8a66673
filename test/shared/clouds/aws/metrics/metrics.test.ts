import { beforeAll, expect, test } from 'vitest'
import type { CloudVm } from '#shared/clouds/port.ts'
import { meanOf } from '#test/clouds/core/metrics.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { newJob, runVm, untilState } from '#test/shared/clouds/conformance/subject.ts'
import { vmRequest } from '#test/shared/clouds/conformance/things.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

const minuteMs = 60_000
let plain: CloudVm
let watched: CloudVm
const subject = useSubject(openSubject)
beforeAll(async () => {
  plain = await runVm(subject, newJob())
  const request = { ...vmRequest(subject, newJob()), detailedMonitoring: true }
  watched = await untilState(subject.cloud, await subject.cloud.compute.create(request), 'running')
})

const now = Date.now()
const range = { from: new Date(now - 60 * minuteMs), to: new Date(now + 5 * minuteMs) }

test('sums become rates over the period that the instance is measured by, not over the one asked for', async () => {
  for (const [vm, stepMs] of [
    [plain, 5 * minuteMs],
    [watched, minuteMs],
  ] as const) {
    const [bytes, cpu] = await subject.cloud.metrics.vm(vm, {
      ...range,
      periodS: 60,
      metrics: ['network_in_bytes', 'cpu_percent'],
    })
    const [first] = bytes?.points ?? []
    if (first === undefined) throw new Error(`${vm.id} has no value`)
    const atMs = first.at.getTime()
    expect(atMs % stepMs).toBe(0)
    expect(first.value).toBeCloseTo(meanOf(vm.id, 'network_in_bytes', atMs, atMs + stepMs), 3)
    expect(cpu?.points[0]?.value).toBeCloseTo(meanOf(vm.id, 'cpu_percent', atMs, atMs + stepMs), 6)
  }
})

test('what is asked for long ago is asked for in the periods that CloudWatch still keeps', async () => {
  const from = new Date(now - 20 * 86_400_000)
  const [series] = await subject.cloud.metrics.vm(watched, {
    ...range,
    from,
    periodS: 60,
    metrics: ['cpu_percent'],
  })
  // Twenty days back it is five minutes; with one minute CloudWatch would give nothing at all.
  expect(series?.points.length).toBeGreaterThan(0)
  for (const { at } of series?.points ?? []) expect(at.getTime() % (5 * minuteMs)).toBe(0)
})

test('values on many pages come back whole, in order and once', async () => {
  const paged = await subjectOfTest(openSubject({ pageLimit: 1 }))
  const vm = await runVm(paged, newJob())
  const metrics = ['cpu_percent', 'disk_read_bytes', 'disk_write_ops'] as const
  const series = await paged.cloud.metrics.vm(vm, { ...range, periodS: 300, metrics })
  expect(series.map(({ metric }) => metric)).toEqual(metrics)
  for (const { points } of series) {
    expect(points.length).toBeGreaterThan(0)
    const times = points.map(({ at }) => at.getTime())
    expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b))
  }
  const pages = paged.loopback.calls().filter(({ operation }) => operation === 'GetMetricData')
  expect(pages.length).toBeGreaterThanOrEqual(3)
})
