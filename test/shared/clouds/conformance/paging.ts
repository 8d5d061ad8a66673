import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import {
  intentOf,
  newJob,
  residueOf,
  rootOf,
  runVm,
  until,
  untilReady,
  type Subject,
  type SubjectOptions,
} from '#test/shared/clouds/conformance/subject.ts'
import {
  makeBucket,
  makeVolume,
  untilImage,
  vmRequest,
  withFault,
} from '#test/shared/clouds/conformance/things.ts'

const count = 4

/** Opens the subject of a loopback cloud of its own. */
type Open = (options: SubjectOptions) => Promise<Subject>

/** The list of VMs is whole, however small the pages are. */
export function pagesOfVms(open: Open): void {
  describe('lists on pages of one', () => {
    const { subject, job, lists } = onPages(open, 1)

    test('VMs', async () => {
      const { cloud, region } = subject
      const vms = await several((index) => cloud.compute.create(vmRequest(subject, job, `vm-${index}`)))
      await lists(vms, () => cloud.compute.list({ region }))

      // Throttled between its pages, a list is whole all the same.
      const patient = await subject.reopen({ options: { throttle_wait_ms: 10_000 } })
      await patient.identity.validate()
      const throttled = { ...subject.dialect.throttled, retryAfterSeconds: 0 }
      const fault = { operation: '*', mode: 'error', skip: 2, times: 2, ...throttled } as const
      const ids = await withFault(subject, fault, () => idsOf(patient, region))
      expect(ids.toSorted()).toEqual((await idsOf(cloud, region)).toSorted())
      expect(patient.health.report().throttleRate).toBeGreaterThan(0)
      patient.close()
    })
  })
}

/** So is every other one, and a long one while things come and go. */
export function pagesOfAll(open: Open): void {
  describe('lists on pages of one', () => {
    const { subject, job, lists } = onPages(open, 1)

    test('volumes, and snapshots of them', async () => {
      const { cloud, region } = subject
      const volumes = await several((index) => makeVolume(subject, job, { name: `volume-${index}` }))
      await lists(volumes, () => cloud.storage.volumes.list({ region }))
      const snapshots = await inTurn(count, async (index) => {
        const disk = volumes[index]
        if (disk === undefined) throw new Error('there are as many volumes')
        return untilReady(cloud, await cloud.disks.createSnapshot({ ...intentOf(job), region, disk }))
      })
      await lists(snapshots, () => cloud.disks.listSnapshots({ region }))
    })

    test('images', async () => {
      const { cloud, region } = subject
      const vm = await runVm(subject, job)
      await cloud.compute.stop(vm)
      await until('the VM to be stopped', async () => (await cloud.compute.get(vm))?.state === 'stopped')
      const disks = [rootOf(vm)]
      const images = await several(async (index) => {
        const wishes = { vm, disks, name: `image-${index}` }
        return untilImage(subject, await cloud.images.createFromVm({ ...intentOf(job), ...wishes }))
      })
      await lists(images, () => cloud.images.list({ region }))
    })

    test('networks with their subnets, and security groups', async () => {
      const { cloud, region } = subject
      const networks = await several((index) =>
        cloud.networks.create({
          ...intentOf(job),
          region,
          name: `network-${index}`,
          cidr: `10.${20 + index}.0.0/16`,
        }),
      )
      await lists(networks, () => cloud.networks.list({ region }))
      const [network] = networks
      if (network === undefined) throw new Error('there is a network')
      const subnets = await several((index) => {
        const wishes = { network, name: `subnet-${index}`, cidr: `10.20.${index}.0/24` }
        return cloud.networks.subnets.create({ ...intentOf(job), ...wishes })
      })
      const described = await cloud.networks.get(network)
      expect(described?.subnets.map(({ id }) => id).toSorted()).toEqual(
        subnets.map(({ id }) => id).toSorted(),
      )
      const groups = await several((index) => {
        const wishes = { region, name: `group-${index}`, description: 'paged', rules: [] }
        return cloud.networks.securityGroups.create({ ...intentOf(job), ...wishes })
      })
      await lists(groups, () => cloud.networks.securityGroups.list({ region }))
    })

    test('buckets, and objects in one', async () => {
      const { cloud, region } = subject
      const buckets = await several(() => makeBucket(subject, intentOf(job)))
      await lists(buckets, () => cloud.storage.buckets.list({ region }))
      const [bucket] = buckets
      if (bucket === undefined) throw new Error('there is a bucket')
      const keys = await several(async (index) => {
        const key = `object-${index}`
        await cloud.storage.objects.write(bucket, { key, sizeBytes: 1, body: oneByte() })
        return { region, id: key }
      })
      const objects = async function* () {
        for await (const { key } of cloud.storage.objects.list(bucket, { prefix: '' })) yield { id: key }
      }
      await lists(keys, objects)
    })

    test('what a job owns, and what compliance looks at', async () => {
      const { cloud, region } = subject
      const own = newJob()
      const volumes = await several((index) => makeVolume(subject, own, { name: `owned-${index}` }))
      await lists(volumes, () => cloud.inventory.owned({ region, tags: { 'novacron-job': own } }))
      await lists(volumes, () => cloud.posture.inventory({ region }))
      expect(residueOf(subject.loopback, own)).toHaveLength(count)
    })
  })

  describe('five hundred VMs', () => {
    const { subject, job } = onPages(open, 60)

    test('are listed whole and once, while others come and go', async () => {
      const { cloud, loopback, region } = subject
      await loopback.populate(500)
      const passing = await cloud.compute.create(vmRequest(subject, job, 'passing'))
      await until('it to run', async () => (await cloud.compute.get(passing))?.state === 'running')
      const ids: string[] = []
      let late: CloudRef | undefined
      for await (const { id } of cloud.compute.list({ region })) {
        ids.push(id)
        if (ids.length === 100) await cloud.compute.delete(passing)
        if (ids.length === 200) late = await cloud.compute.create(vmRequest(subject, job, 'late'))
      }
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids.filter((id) => id !== passing.id && id !== late?.id)).toHaveLength(500)
      await until('the late one to be listed', async () =>
        (await idsOf(cloud, region)).includes(late?.id ?? ''),
      )
      await until('the other to be gone', async () => {
        const vm = (await Array.fromAsync(cloud.compute.list({ region }))).find(({ id }) => id === passing.id)
        return vm === undefined || vm.state === 'terminated'
      })
    })
  })
}

/** A subject for the tests of a describe, and what they see of its lists. */
function onPages(open: Open, pageLimit: number) {
  const subject = {} as Subject
  beforeAll(async () => {
    Object.assign(subject, await open({ pageLimit }))
  })
  afterAll(async () => {
    subject.cloud?.close()
    await subject.loopback?.close()
  })

  /** Waits until all of `wanted` are listed, and sees that it took more than three pages and none came twice. */
  const lists = async (wanted: CloudRef[], list: () => AsyncIterable<{ id: string }>) => {
    const ids = await until('all to be listed', async () => {
      const lastSeq = subject.loopback.calls().at(-1)?.seq ?? 0
      const seen = (await Array.fromAsync(list())).map(({ id }) => id)
      const calls = subject.loopback.calls().filter(({ seq }) => seq > lastSeq)
      const pages = Object.values(Object.groupBy(calls, ({ operation }) => operation)).map(
        (of) => of?.length ?? 0,
      )
      return wanted.every(({ id }) => seen.includes(id)) && { seen, mostPages: Math.max(...pages) }
    })
    expect(new Set(ids.seen).size).toBe(ids.seen.length)
    if (subject.dialect.unpaged === undefined) expect(ids.mostPages).toBeGreaterThan(3)
  }
  return { subject, job: newJob(), lists }
}

const several = <T>(make: (index: number) => Promise<T>): Promise<T[]> => inTurn(count, make)

async function inTurn<T>(times: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = []
  for (let index = 0; index < times; index++) made.push(await make(index))
  return made
}

const idsOf = async (cloud: Cloud, region: string): Promise<string[]> =>
  (await Array.fromAsync(cloud.compute.list({ region }))).map(({ id }) => id)

async function* oneByte() {
  yield await Promise.resolve(Buffer.from('x'))
}
