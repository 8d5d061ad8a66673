import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { CloudRef, Encryption } from '#shared/clouds/port.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob, writeChunks } from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const blockBytes = 524_288
const gibibyte = 2 ** 30

const job = newJob()
const subject = useSubject(openSubject, { job })

const request = (changes: { parent?: CloudRef; encryption?: Encryption; sizeBytes?: number } = {}) => ({
  ...intentOf(job),
  region: subject.region,
  name: 'disk',
  sizeBytes: gibibyte,
  firmware: 'bios' as const,
  architecture: 'x86_64' as const,
  ...changes,
})
const sealed = async (disk: CloudRef, blocks: ReadonlyMap<number, Buffer>): Promise<CloudRef> => {
  const sink = await subject.cloud.disks.openDiskForWrite(disk)
  const chunks = new Map([...blocks].map(([index, data]) => [index * blockBytes, data]))
  await subject.cloud.disks.sealDisk(disk, await writeChunks(sink, chunks))
  return disk
}
const make = async (changes: Parameters<typeof request>[0] = {}) =>
  subject.cloud.disks.createDisk(request(changes))
const describe = async ({ id }: CloudRef) =>
  (await subject.ec2.describeSnapshots({ SnapshotIds: [id] })).Snapshots?.[0]

test('a disk on a parent is not taken for zeroed, also when it is opened again, and one without is', async () => {
  const parent = await sealed(await make(), new Map([[3, randomBytes(blockBytes)]]))
  const child = await make({ parent })
  for (const _ of [1, 2]) expect((await subject.cloud.disks.openDiskForWrite(child)).zeroed).toBe(false)
  expect((await subject.cloud.disks.openDiskForWrite(await make())).zeroed).toBe(true)
})

test('what is written on a parent, zeros too, hides it, and the rest shows through', async () => {
  const [kept, hidden, fresh] = [randomBytes(blockBytes), randomBytes(blockBytes), randomBytes(blockBytes)]
  const parent = await sealed(
    await make(),
    new Map([
      [0, kept],
      [1, hidden],
    ]),
  )
  const child = await sealed(
    await make({ parent }),
    new Map([
      [1, Buffer.alloc(blockBytes)],
      [2, fresh],
    ]),
  )
  const disk = await subject.cloud.disks.openDisk(child)
  const all = await disk.read({ offset: 0, length: 3 * blockBytes })
  expect(all.equals(Buffer.concat([kept, Buffer.alloc(blockBytes), fresh]))).toBe(true)
  const changes = await subject.cloud.disks.openChanges(parent, child)
  expect(await Array.fromAsync(changes.extents())).toEqual([{ offset: blockBytes, length: 2 * blockBytes }])
  // The parent is not needed any more: its blocks are the child's too.
  await subject.cloud.disks.deleteDisk(parent)
  const again = await subject.cloud.disks.openDisk(child)
  expect((await again.read({ offset: 0, length: blockBytes })).equals(kept)).toBe(true)
})

test('snapshots of different disks have no changes between them, and that is said', async () => {
  const [one, other] = [await sealed(await make(), new Map()), await sealed(await make(), new Map())]
  await expect(subject.cloud.disks.openChanges(one, other)).rejects.toMatchObject({ code: 'invalid_request' })
})

test('a delta is encrypted as its parent is', async () => {
  const keyId = 'arn:aws:kms:us-east-1:123456789012:key/99999999-0000-4000-8000-000000000009'
  const parent = await sealed(await make({ encryption: { keyId } }), new Map([[0, randomBytes(blockBytes)]]))
  expect(await describe(parent)).toMatchObject({ Encrypted: true, KmsKeyId: keyId })
  const child = await make({ parent, encryption: {} })
  expect(await describe(child)).toMatchObject({ Encrypted: true, KmsKeyId: keyId })
})

test('a key named by its id is taken for one of this account', async () => {
  const keyId = '99999999-0000-4000-8000-000000000010'
  const disk = await make({ encryption: { keyId } })
  expect(await describe(disk)).toMatchObject({
    Encrypted: true,
    KmsKeyId: `arn:aws:kms:us-east-1:123456789012:key/${keyId}`,
  })
})

test('a wish for encryption without a key is met with the cloud’s own, and none leaves it to the account', async () => {
  expect(await describe(await make({ encryption: {} }))).toMatchObject({ Encrypted: true })
  expect(await describe(await make())).toMatchObject({ Encrypted: false })
})

test('a disk smaller than its parent is refused', async () => {
  const parent = await sealed(await make({ sizeBytes: 2 * gibibyte }), new Map())
  await expect(make({ parent })).rejects.toMatchObject({ code: 'invalid_request' })
})
