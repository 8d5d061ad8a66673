import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { exportFooter } from '#test/clouds/azure/vhd.ts'
import type { World } from '#test/workers/resources/world.ts'

/** Images, through the API and to a cloud. */
export function imageSuite(current: () => World): void {
  test('an image is made of a VM, and deleted with all that it is made of', async () => {
    const world = current()
    const vm = await world.runVm()
    const vmPath = `/vms/${String(vm['id'])}`
    await world.post(`${vmPath}/stop`)
    const made = await world.post('/images', { vm_id: vm['id'], name: 'golden' })
    expect(made.body).toMatchObject({
      job: { state: 'succeeded' },
      warnings: [],
      image: { state: 'available', vm_id: vm['id'], public: false },
    })
    const path = `/images/${String(made.body['image']?.['id'])}`
    expect((await world.delete(path)).body).toMatchObject({ image: { state: 'deleted' } })
    expect(world.residueOf(made.body['job']?.['id'])).toEqual([])
    await world.delete(vmPath)
  })

  test('a file is imported as an image, the image exported to a file, and both can be deleted', async () => {
    const world = current()
    const { bucket, key, format } = await putFile(world)
    const made = await world.post('/images/import', {
      provider_id: 'cloud-1',
      name: 'imported',
      format,
      source: { bucket: bucket['id'], key },
    })
    expect(made.body).toMatchObject({
      job: {
        kind: 'image.import',
        state: 'succeeded',
        residue: [],
        output: { image_id: made.body['image']?.['id'], cloud_id: made.body['image']?.['cloud_id'] },
      },
      image: { name: 'imported', state: 'available' },
    })
    const path = `/images/${String(made.body['image']?.['id'])}`
    const cloud = await world.open()
    // QCOW2 leaves out what nobody wrote, so it is the quickest where it is offered.
    const wanted = cloud.images.formats.export.includes('qcow2') ? 'qcow2' : 'vhd'
    const target = { bucket: bucket['id'], key: `out/disk.${wanted}` }
    const exported = await world.post(`${path}/export`, { format: wanted, target })
    const ref = { region: world.dialect.region, id: String(bucket['cloud_id']) }
    const files = await Array.fromAsync(cloud.storage.objects.list(ref, { prefix: 'out/' }))
    expect(files).toMatchObject([{ key: target.key }])
    expect(exported.body['job']).toMatchObject({ kind: 'image.export', state: 'succeeded', residue: [] })
    expect(exported.body['job']?.['output']).toEqual({
      file: {
        region: ref.region,
        bucket: ref.id,
        key: target.key,
        format: wanted,
        size_bytes: files[0]?.sizeBytes,
        checksum: files[0]?.checksum ?? null,
      },
      notes: [],
    })
    expect((await world.delete(path)).body).toMatchObject({ image: { state: 'deleted' } })
    expect((await world.delete(`/buckets/${String(bucket['id'])}`)).body).toMatchObject({
      job: { state: 'failed', problem: { code: 'conflict' } },
      bucket: { state: 'available' },
    })
    expect((await world.delete(`/buckets/${String(bucket['id'])}?with_objects=true`)).body).toMatchObject({
      bucket: { state: 'deleted' },
    })
  })

  test('a file that is not there fails its import with the reason, and leaves nothing', async () => {
    const world = current()
    const { bucket, format } = await putFile(world)
    const { body } = await world.post('/images/import', {
      provider_id: 'cloud-1',
      name: 'nothing',
      format,
      source: { bucket: bucket['id'], key: 'no/such.file' },
    })
    expect(body).toMatchObject({ job: { state: 'failed', residue: [] }, image: { state: 'deleted' } })
    expect(body['job']?.['problem']).toHaveProperty('detail')
    expect(world.residueOf(body['job']?.['id'])).toEqual([])
    await world.delete(`/buckets/${String(bucket['id'])}?with_objects=true`)
  })
}

/** A bucket with a small disk in it, as a file that the cloud's import takes. */
export async function putFile(world: World) {
  const { body } = await world.post('/buckets', {
    provider_id: 'cloud-1',
    name: `acme-images-${Math.random().toString(36).slice(2, 10)}`,
  })
  const bucket = body['bucket'] ?? {}
  const cloud = await world.open()
  const format = cloud.images.formats.import.includes('vhd') ? 'vhd' : 'raw'
  const disk = Buffer.alloc(2 ** 20, 'novacron')
  const file = format === 'vhd' ? Buffer.concat([disk, exportFooter(disk.length)]) : disk
  const key = `in/disk.${format}`
  await cloud.storage.objects.write(
    { region: world.dialect.region, id: String(bucket['cloud_id']) },
    { key, sizeBytes: file.length, body: Readable.from([file]) },
  )
  return { bucket, key, format }
}
