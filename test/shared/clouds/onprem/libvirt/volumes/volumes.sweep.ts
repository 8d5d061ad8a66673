import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sha256 } from '#shared/disks/hash.ts'
import type { DiskSource } from '#shared/disks/port.ts'
import { createVolumes } from '#shared/clouds/onprem/libvirt/volumes/volumes.ts'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { processesOf } from '#test/clouds/libvirt/processes.ts'
import { connectTo, openVolumesLab, type VolumesLab } from './lab.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''
const mebibyte = 2 ** 20

describe.skipIf(reason).each([
  ['plain', undefined],
  ['encrypted', 'volume/vol-files'],
])(`%s volumes of libvirt${reason}`, { timeout: 180_000 }, (kind, keyName) => {
  let lab: VolumesLab
  beforeAll(async () => {
    lab = await openVolumesLab()
  })
  afterAll(() => lab.close())
  afterEach(() => lab.expectNothingLeft())
  const ref = (name: string) => lab.ref(`${kind}-${name}`, keyName)
  const write = async (name: string, ...chunks: [offset: number, data: Buffer][]) => {
    const sink = await lab.volumes.openSink(ref(name))
    for (const [offset, data] of chunks) await sink.write({ offset, data, sha256: await sha256(data) })
    await sink.close()
  }

  test('one is made once, found with its facts, grown, and deleted, each as often as it is asked for', async () => {
    for (let time = 0; time < 2; time++) await lab.volumes.create(ref('one'), { sizeBytes: 8 * mebibyte })
    expect(await lab.volumes.get(ref('one'))).toMatchObject({
      name: `${kind}-one.qcow2`,
      format: 'qcow2',
      sizeBytes: 8 * mebibyte,
      encrypted: keyName !== undefined,
    })
    await expect(lab.volumes.create(ref('one'), { sizeBytes: 9 * mebibyte })).rejects.toMatchObject({
      code: 'conflict',
    })
    for (let time = 0; time < 2; time++) await lab.volumes.resize(ref('one'), 16 * mebibyte)
    expect(await lab.volumes.list(lab.daemon.pool)).toMatchObject([{ sizeBytes: 16 * mebibyte }])
    await expect(lab.volumes.resize(ref('one'), 8 * mebibyte)).rejects.toMatchObject({
      code: 'invalid_request',
      remedy: 'Give a larger size.',
    })
    for (let time = 0; time < 2; time++) await lab.volumes.delete(ref('one'))
    expect(await lab.volumes.get(ref('one'))).toBeUndefined()
    expect(await lab.volumes.list(lab.daemon.pool)).toEqual([])
    await expect(lab.volumes.openSource(ref('one'))).rejects.toMatchObject({ code: 'not_found' })
    expect((await lab.host.virsh.run(['secret-list'])).text.trim()).toBe('')
  })

  test('what was written is read, and of a chain only what was written after one of its files', async () => {
    await lab.volumes.create(ref('base'), { sizeBytes: 8 * mebibyte })
    await write('base', [0, Buffer.alloc(mebibyte, 1)], [4 * mebibyte, Buffer.alloc(mebibyte, 2)])
    await lab.volumes.create(ref('middle'), { sizeBytes: 8 * mebibyte, backing: ref('base') })
    await write('middle', [mebibyte, Buffer.alloc(131_072, 3)])
    await lab.volumes.create(ref('top'), { sizeBytes: 8 * mebibyte, backing: ref('middle') })
    // Zeros over data are a change, too.
    await write('top', [4 * mebibyte, Buffer.alloc(65_536)])

    const whole = await lab.volumes.openSource(ref('top'))
    expect(await listed(whole)).toEqual([
      [0, mebibyte + 131_072],
      [4 * mebibyte + 65_536, mebibyte - 65_536],
    ])
    expect((await whole.read({ offset: mebibyte, length: 4 })).toString('hex')).toBe('03030303')
    await whole.close()
    await whole.close()
    const changes = await lab.volumes.openSource(ref('top'), { since: ref('base') })
    expect(await listed(changes)).toEqual([
      [mebibyte, 131_072],
      [4 * mebibyte, 65_536],
    ])
    await changes.close()
    const last = await lab.volumes.openSource(ref('top'), { since: ref('middle') })
    expect(await listed(last)).toEqual([[4 * mebibyte, 65_536]])
    await last.close()
    await expect(lab.volumes.openSource(ref('base'), { since: ref('top') })).rejects.toMatchObject({
      code: 'invalid_request',
    })

    // A copy stands alone, whatever it was copied from, under a key of its own.
    const copy = lab.ref(`${kind}-copy`, keyName && `${keyName}-copy`)
    const before = await lab.digest(ref('top'))
    await lab.volumes.copy(ref('top'), copy)
    for (const name of ['top', 'middle', 'base']) await lab.volumes.delete(ref(name))
    expect(await lab.digest(copy)).toBe(before)
    await lab.volumes.copy(copy, ref('grown'), { sizeBytes: 12 * mebibyte })
    expect(await lab.volumes.get(ref('grown'))).toMatchObject({ sizeBytes: 12 * mebibyte })
    for (const each of [copy, ref('grown')]) await lab.volumes.delete(each)
  })

  test('a volume that a machine runs on cannot be deleted, written or copied, and neither can what it builds on', async () => {
    await lab.volumes.create(ref('below'), { sizeBytes: mebibyte })
    await lab.volumes.create(ref('used'), { sizeBytes: mebibyte, backing: ref('below') })
    const machine = await lab.startMachine(ref('used'))
    const conflict = { code: 'conflict' }
    for (const name of ['used', 'below'])
      await expect(lab.volumes.delete(ref(name))).rejects.toMatchObject(conflict)
    await expect(lab.volumes.openSink(ref('used'))).rejects.toMatchObject(conflict)
    await expect(lab.volumes.openSource(ref('used'))).rejects.toMatchObject(conflict)
    await expect(lab.volumes.copy(ref('used'), ref('copied'))).rejects.toMatchObject(conflict)
    await lab.stopMachine(machine)
    for (const name of ['used', 'below', 'copied']) await lab.volumes.delete(ref(name))
  })

  test('a file holds what was written to it last, or the write fails', async () => {
    const seed = { pool: lab.daemon.pool, name: `${kind}-seed.raw`, format: 'raw' as const }
    for (const content of ['a longer first one', 'second']) {
      await lab.volumes.writeFile(seed, Buffer.from(content.padEnd(4096)))
      const source = await lab.volumes.openSource(seed)
      expect((await source.read({ offset: 0, length: 4096 })).toString().trim()).toBe(content)
      await source.close()
    }
    lab.break(async (call, send) => {
      call.payload?.writeUInt8(255)
      const answer = await send()
      call.payload?.writeUInt8(115)
      return answer
    })
    await expect(lab.volumes.writeFile(seed, Buffer.from('second'))).rejects.toMatchObject({
      code: 'integrity',
      retryable: true,
    })
    lab.break(undefined)
    await lab.volumes.delete(seed)
  })

  test('a running machine sees at once that its disk has grown', async () => {
    await lab.volumes.create(ref('growing'), { sizeBytes: mebibyte })
    const machine = await lab.startMachine(ref('growing'))
    await lab.volumes.resize(ref('growing'), 4 * mebibyte, machine)
    await lab.write(machine, 'vda', 'write -P 7 3M 1M')
    const before = await lab.digest(ref('growing'))
    await lab.stopMachine(machine)
    expect(await lab.digest(ref('growing'))).toBe(before)
    expect(await lab.volumes.get(ref('growing'))).toMatchObject({ sizeBytes: 4 * mebibyte })
    await lab.volumes.delete(ref('growing'))
  })

  test('what a killed process had open is closed, and what it wrote is there', async () => {
    await lab.volumes.create(ref('open'), { sizeBytes: 4 * mebibyte })
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'writer.ts'), lab.daemon.uri, JSON.stringify(ref('open'))],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(child.stdout, 'data')
    expect(helpers()).toHaveLength(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await expect.poll(helpers, { timeout: 20_000 }).toEqual([])
    await expect.poll(() => lab.digest(ref('open'))).toBe(digestOfSevens)
    // Nobody has to wait for that.
    const sink = await lab.volumes.openSink(ref('open'))
    await sink.close()
    await lab.volumes.delete(ref('open'))
  })

  test('the next one to open a volume ends what a worker has left open for writing, but not who reads it', async () => {
    await lab.volumes.create(ref('left'), { sizeBytes: mebibyte })
    const other = connectTo(lab.daemon.uri)
    const theirs = await createVolumes(other).openSink(ref('left'))
    const ours = await lab.volumes.openSink(ref('left'))
    const data = Buffer.alloc(65_536, 5)
    await expect(theirs.write({ offset: 0, data, sha256: await sha256(data) })).rejects.toMatchObject({
      retryable: true,
    })
    await ours.write({ offset: 0, data, sha256: await sha256(data) })
    await ours.close()
    await theirs.close()

    const reader = await createVolumes(other).openSource(ref('left'))
    const second = await lab.volumes.openSource(ref('left'))
    expect((await reader.read({ offset: 0, length: 4 })).toString('hex')).toBe('05050505')
    await expect(lab.volumes.delete(ref('left'))).rejects.toMatchObject({ code: 'conflict', retryable: true })
    await expect(lab.volumes.release(ref('left'))).rejects.toMatchObject({ code: 'conflict' })
    await Promise.all([reader.close(), second.close()])
    other.close()
    await lab.volumes.delete(ref('left'))
  })

  const helpers = () =>
    processesOf(lab.daemon.folder).filter(({ command }) => command.includes('guest=nc-io-'))
})

/** 4 MiB of sevens. */
const digestOfSevens = (await sha256(Buffer.alloc(4 * mebibyte, 7))).toString('hex')

async function listed(source: DiskSource): Promise<[number, number][]> {
  const extents: [number, number][] = []
  for await (const { offset, length } of source.extents()) extents.push([offset, length])
  return extents
}
