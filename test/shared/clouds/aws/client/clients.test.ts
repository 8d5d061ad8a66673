import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

const run = promisify(execFile)
const subject = useSubject(openSubject)

test('each service’s SDK is loaded at its first call, and no other one', async () => {
  const program = `
    import { createRequire } from 'node:module'
    import { openAws } from '#shared/clouds/aws/aws.ts'
    const loaded = () => [...new Set(Object.keys(createRequire(import.meta.url).cache).flatMap((path) => /@aws-sdk\\/(client-[a-z0-9-]+)/.exec(path)?.[1] ?? []))]
    const seen = [loaded()]
    const cloud = await openAws(JSON.parse(process.argv[1]))
    seen.push(loaded())
    await cloud.identity.validate()
    seen.push(loaded())
    await Array.fromAsync(cloud.storage.buckets.list({ region: 'us-east-1' }))
    seen.push(loaded())
    cloud.close()
    process.stdout.write(JSON.stringify(seen))
  `
  const args = ['--input-type=module', '--eval', program, JSON.stringify(subject.settings)]
  const { stdout } = await run(process.execPath, args, { cwd: process.cwd() })
  expect(JSON.parse(stdout)).toEqual([[], [], ['client-sts'], ['client-sts', 'client-s3']])
})

test('throttling of one service slows down the account, and is told by its health', async () => {
  const cloud = await subject.reopen({ options: { throttle_wait_ms: 5000 } })
  try {
    subject.loopback.inject({
      operation: 'ListBuckets',
      mode: 'error',
      code: 'SlowDown',
      status: 503,
      times: 1,
    })
    await Array.fromAsync(cloud.storage.buckets.list({ region: subject.region }))
    const report = cloud.health.report()
    expect(report).toMatchObject({ calls: 2, throttleRate: 0.5, errorRate: 0 })
    expect(report.pacedPerSecond).toBeGreaterThan(0)
  } finally {
    subject.loopback.clearFaults()
    cloud.close()
  }
})

test('a probe of a cloud that fails is a report, not an error', async () => {
  const cloud = await subject.reopen()
  try {
    subject.loopback.inject({
      operation: 'GetCallerIdentity',
      mode: 'error',
      code: 'InternalFailure',
      status: 500,
      times: 9,
    })
    expect(await cloud.health.probe()).toMatchObject({ status: 'unhealthy', calls: 1, errorRate: 1 })
  } finally {
    subject.loopback.clearFaults()
    cloud.close()
  }
})

test('every service works over https with an authority of the registration’s own', async () => {
  const tls = await subjectOfTest(openSubject({ tls: true }))
  const { cloud, region } = tls
  const request = { ...intentOf(newJob()), region, name: 'nc-over-tls', versioning: false, lifecycle: [] }
  const bucket = await cloud.storage.buckets.create(request)
  const body = (async function* () {
    yield await Promise.resolve(Buffer.alloc(9 * 2 ** 20, 7))
  })()
  // Over TLS the SDK leaves bodies unsigned: only their checksums speak for them.
  await cloud.storage.objects.write(bucket, { key: 'a', sizeBytes: 9 * 2 ** 20, body })
  expect(await Array.fromAsync(cloud.storage.objects.list(bucket, { prefix: '' }))).toHaveLength(1)
  expect(await cloud.quotas.list(region)).not.toEqual([])
})
