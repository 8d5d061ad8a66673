import { afterAll, describe, expect, test } from 'vitest'
import type { PostureResource, SecurityRule } from '#shared/clouds/port.ts'
import { intentOf, newJob, removeAll, runVm, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { makeBucket, makeVolume } from '#test/shared/clouds/conformance/things.ts'

/** What compliance checks read. `subject` is filled before the tests run. */
export function posture(subject: Subject): void {
  describe('posture', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    const inventory = () => Array.fromAsync(subject.cloud.posture.inventory({ region: subject.region }))
    const find = <Kind extends PostureResource['kind']>(
      all: PostureResource[],
      kind: Kind,
      id: string,
    ): Extract<PostureResource, { kind: Kind }> => {
      const isIt = (each: PostureResource): each is Extract<PostureResource, { kind: Kind }> =>
        each.kind === kind && each.id === id
      const found = all.filter(isIt)
      const [one] = found
      if (one === undefined || found.length > 1) throw new Error(`${found.length} of ${kind} ${id}`)
      return one
    }

    test('the inventory holds each kind of thing once, with what checks ask of it', async () => {
      const { cloud, region } = subject
      const vm = await runVm(subject, job)
      const volume = await makeVolume(subject, job)
      const bucket = await makeBucket(subject, intentOf(job))
      const address = await cloud.networks.addresses.create({ ...intentOf(job), region, name: 'idle' })
      const all = await inventory()
      expect(find(all, 'vm', vm.id)).toMatchObject({ running: true, publicIp: vm.publicIp !== undefined })
      expect(find(all, 'disk', volume.id)).toMatchObject({
        encrypted: true,
        customerKey: false,
        attached: false,
      })
      for (const { id } of vm.disks) expect(find(all, 'disk', id).attached).toBe(true)
      expect(find(all, 'bucket', bucket.id)).toMatchObject({
        encrypted: true,
        access: 'blocked',
        versioning: false,
      })
      expect(find(all, 'address', address.id).attached).toBe(false)
      const keys = all.map(({ kind, id }) => `${kind} ${id}`)
      expect(new Set(keys).size).toBe(keys.length)
      expect(all.some(({ kind }) => kind === 'network')).toBe(true)
    })

    test('a group open to the world is told with its rules', async () => {
      const { cloud, region } = subject
      const open: SecurityRule = {
        direction: 'ingress',
        protocol: 'tcp',
        fromPort: 22,
        toPort: 22,
        cidrs: ['0.0.0.0/0'],
      }
      const wishes = { region, name: 'wide-open', description: 'open', rules: [open] }
      const group = await cloud.networks.securityGroups.create({ ...intentOf(job), ...wishes })
      const { rules } = find(await inventory(), 'security_group', group.id)
      expect(rules).toContainEqual(expect.objectContaining(open))
    })

    test('a bucket that everybody can read is told as public', async () => {
      const { makePublic, cloud } = subject
      const bucket = await makeBucket(subject, intentOf(job))
      if (makePublic === undefined) throw new Error('give makePublic')
      await makePublic(bucket)
      expect(find(await inventory(), 'bucket', bucket.id).access).toBe('public')
      expect((await cloud.storage.buckets.get(bucket))?.access).toBe('public')
    })
  })
}
