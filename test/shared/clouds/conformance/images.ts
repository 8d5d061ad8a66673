import { afterAll, describe, expect, test } from 'vitest'
import type { CloudRef, ImageFormat } from '#shared/clouds/port.ts'
import {
  digestOfImageFile,
  exportFormat,
  plainFormat,
  putBrokenFile,
  putImageFile,
} from '#test/shared/clouds/conformance/image-files.ts'
import {
  digestOfDisk,
  digestOfFile,
  intentOf,
  newJob,
  removeAll,
  residueOf,
  rootOf,
  runVm,
  until,
  untilReady,
  untilState,
  type Subject,
} from '#test/shared/clouds/conformance/subject.ts'
import {
  can,
  changesOf,
  imageOfTask,
  listedAs,
  makeBucket,
  refusalOf,
  untilImage,
  untilTaskEnds,
  vmRequest,
} from '#test/shared/clouds/conformance/things.ts'

const allFormats: ImageFormat[] = ['raw', 'vhd', 'vhdx', 'vmdk', 'qcow2', 'ova']

/** Images, and files of them. `subject` is filled before the tests run. */
export function images(subject: Subject): void {
  describe('images', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    const importFile = (source: Awaited<ReturnType<typeof putImageFile>>, format: ImageFormat) =>
      subject.cloud.images.importFile({
        ...intentOf(job),
        source,
        format,
        name: 'imported',
        architecture: 'x86_64',
        firmware: 'bios',
      })
    const digestOfVm = async (image: CloudRef): Promise<string> => {
      const { cloud, region } = subject
      const request = { ...vmRequest(subject, job), boot: { image: image.id } }
      const vm = await untilState(cloud, await cloud.compute.create(request), 'running')
      const wishes = { ...intentOf(job), region, vm, disk: rootOf(vm) }
      const snapshot = await untilReady(cloud, await cloud.disks.createSnapshot(wishes))
      const source = await cloud.disks.openSnapshot(snapshot)
      const found = await digestOfDisk(source)
      await source.close()
      return found
    }

    test('an image of a stopped VM is listed once, starts a VM with the same bytes, and can be deleted', async () => {
      const { cloud, region } = subject
      const vm = await runVm(subject, job)
      await cloud.compute.stop(vm)
      const { disks } = await untilState(cloud, vm, 'stopped')
      const ref = await cloud.images.createFromVm({ ...intentOf(job), vm, disks, name: 'golden' })
      const image = await untilImage(subject, ref)
      expect(image).toMatchObject({
        id: ref.id,
        name: 'golden',
        architecture: 'x86_64',
        public: false,
        tags: { 'novacron-job': job },
      })
      const size = (await cloud.compute.sizes(region)).find(({ name }) => name === vm.instanceType)
      const hardware = { vcpus: size?.vcpus, memoryMib: size?.memoryMib }
      // Vendors keep no such thing with an image.
      expect(image.hardware).toEqual(cloud.type === 'on-premise' ? hardware : undefined)
      expect(await listedAs(ref, () => cloud.images.list({ region }))).toEqual([image])
      expect(await digestOfVm(image)).toBe(await digestOfFile(subject.imagePath))
      await cloud.images.delete(ref)
      await cloud.images.delete(ref)
      await until('the image to be gone', async () => (await cloud.images.get(ref)) === undefined)
    })

    test('an imported file starts a VM with its bytes, and comes back identical when exported', async () => {
      const { cloud, imagePath, region } = subject
      const formats = {
        import: plainFormat(cloud.images.formats.import),
        export: exportFormat(cloud.images.formats.export),
      }
      const bucket = await makeBucket(subject, intentOf(job))
      const source = await putImageFile(subject, bucket, formats.import)
      const image = await imageOfTask(subject, await importFile(source, formats.import))
      expect(await untilImage(subject, image)).toMatchObject({ public: false, tags: { 'novacron-job': job } })
      const original = await digestOfFile(imagePath)
      expect(await digestOfVm(image)).toBe(original)

      const target = { region, bucket: bucket.id, key: 'exports/out.image' }
      const wishes = { image, format: formats.export, target }
      const exporting = newJob()
      const task = await cloud.images.exportFile({ ...intentOf(exporting), ...wishes })
      expect(await untilTaskEnds(subject, task)).toMatchObject({ state: 'ready' })
      expect(residueOf(subject.loopback, exporting)).toEqual([])
      const { objects } = cloud.storage
      const [file, ...more] = await Array.fromAsync(objects.list(bucket, { prefix: 'exports/' }))
      expect(more).toEqual([])
      if (file === undefined) throw new Error('nothing was exported')
      expect(await digestOfImageFile(subject, bucket, file.key, formats.export)).toBe(original)
    })

    test('a file that is no image fails its import with the reason, and leaves no image', async () => {
      const { cloud, region } = subject
      const format = plainFormat(cloud.images.formats.import)
      const bucket = await makeBucket(subject, intentOf(job))
      const source = await putBrokenFile(subject, bucket, format)
      const own = newJob()
      const wishes = { source, format, name: 'broken', architecture: 'x86_64', firmware: 'bios' } as const
      let reason: string | undefined
      const refusal = await refusalOf(async () => {
        const task = await cloud.images.importFile({ ...intentOf(own), ...wishes })
        const end = await untilTaskEnds(subject, task)
        reason = end.state === 'failed' ? end.message : undefined
      })
      expect(refusal?.kind ?? 'permanent').toBe('permanent')
      expect(refusal?.message ?? reason).toMatch(/\S/)
      const all = await Array.fromAsync(cloud.images.list({ region }))
      expect(all.filter(({ tags }) => tags['novacron-job'] === own)).toEqual([])
      await removeAll(subject, own)
    })

    test('a format that the service does not take is refused before anything is made', async () => {
      const { cloud, region } = subject
      const object = { region, bucket: 'of-no-matter', key: 'disk' }
      const image = { region, id: 'of-no-matter' }
      const refusals: (string | undefined)[] = []
      const changes = await changesOf(subject, async () => {
        for (const format of allFormats.filter((each) => !cloud.images.formats.import.includes(each))) {
          refusals.push((await refusalOf(() => importFile(object, format)))?.code)
        }
        for (const format of allFormats.filter((each) => !cloud.images.formats.export.includes(each))) {
          const wishes = { image, format, target: object }
          refusals.push(
            (await refusalOf(() => cloud.images.exportFile({ ...intentOf(job), ...wishes })))?.code,
          )
        }
      })
      expect(changes).toEqual([])
      expect(new Set(refusals)).toEqual(new Set(refusals.length > 0 ? ['unsupported'] : []))
    })

    test('a task that nobody started is unknown', async ({ skip }) => {
      skip(!can(subject, 'images.taskState'), 'lacking')
      const bucket = await makeBucket(subject, intentOf(job))
      const format = plainFormat(subject.cloud.images.formats.import)
      const task = await importFile(await putImageFile(subject, bucket, format), format)
      const digit = task.id.at(-1) === '0' ? '1' : '0'
      const stranger = { ...task, id: `${task.id.slice(0, -1)}${digit}` }
      expect(await subject.cloud.images.taskState(stranger)).toBeUndefined()
      await untilTaskEnds(subject, task)
    })
  })
}
