import { randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { contentOf, closing, digest, fill, mebibyte, openLab, qcow2 } from './lab.ts'

for (const keyName of [undefined, 'volume/vol-1']) {
  const kind = keyName === undefined ? 'plain' : 'encrypted'

  test(`a ${kind} volume is made once, is listed, grows, and is gone when it is deleted`, async (context) => {
    const { volumes, leftovers } = await openLab(context)
    const volume = qcow2('vol-1', keyName)
    await volumes.create(volume, { sizeBytes: 8 * mebibyte })
    await volumes.create(volume, { sizeBytes: 8 * mebibyte })
    expect(await volumes.list('default')).toMatchObject([
      { name: 'vol-1.qcow2', format: 'qcow2', sizeBytes: 8 * mebibyte, encrypted: keyName !== undefined },
    ])
    await expect(volumes.create(volume, { sizeBytes: 9 * mebibyte })).rejects.toMatchObject({
      code: 'conflict',
    })
    const data = await fill(volumes, volume, mebibyte, mebibyte)
    await volumes.resize(volume, 12 * mebibyte)
    await volumes.resize(volume, 12 * mebibyte)
    await expect(volumes.resize(volume, 8 * mebibyte)).rejects.toMatchObject({ code: 'invalid_request' })

    const source = closing(await volumes.openSource(volume))
    expect(source.sizeBytes).toBe(12 * mebibyte)
    expect(await Array.fromAsync(source.extents())).toEqual([{ offset: mebibyte, length: mebibyte }])
    expect((await source.read({ offset: mebibyte + 1, length: 1000 })).equals(data.subarray(1, 1001))).toBe(
      true,
    )
    await source.close()
    await volumes.delete(volume)
    await volumes.delete(volume)
    expect(await volumes.get(volume)).toBeUndefined()
    expect(await volumes.list('default')).toEqual([])
    expect(await leftovers()).toEqual([])
  })

  test(`a ${kind} volume that builds on another begins as it, and its copy is one file with the same bytes`, async (context) => {
    const { volumes } = await openLab(context)
    const [base, child, copy] = [qcow2('img-1', keyName), qcow2('vol-2', keyName), qcow2('vol-3', keyName)]
    await volumes.create(base, { sizeBytes: 4 * mebibyte })
    await fill(volumes, base, 0, mebibyte)
    await volumes.create(child, { sizeBytes: 6 * mebibyte, backing: base })
    expect(await volumes.get(child)).toMatchObject({ backing: 'img-1.qcow2' })
    const before = await contentOf(volumes, base)
    await fill(volumes, child, 512 * 1024, mebibyte)
    expect(await contentOf(volumes, base)).toBe(before)

    const changes = closing(await volumes.openSource(child, { since: base }))
    expect(await Array.fromAsync(changes.extents())).toEqual([{ offset: 512 * 1024, length: mebibyte }])
    await changes.close()
    await volumes.copy(child, copy, { sizeBytes: 8 * mebibyte })
    await volumes.copy(child, copy, { sizeBytes: 8 * mebibyte })
    expect((await volumes.get(copy))?.backing).toBeUndefined()
    await volumes.resize(child, 8 * mebibyte)
    expect(await contentOf(volumes, copy)).toBe(await contentOf(volumes, child))
    await expect(volumes.delete(base)).rejects.toMatchObject({ code: 'conflict' })
    await volumes.delete(child)
    await volumes.delete(base)
  })
}

test('what lies on an encrypted volume is not found in its file, nor is its passphrase', async (context) => {
  const { volumes, host } = await openLab(context)
  const volume = qcow2('vol-4', 'volume/vol-4')
  await volumes.create(volume, { sizeBytes: 4 * mebibyte })
  const data = await fill(volumes, volume, 0, mebibyte)
  const file = await readFile(join(host.layout.pool('default'), volume.name))
  expect(file.includes(data.subarray(4096, 4128))).toBe(false)
  expect(file.includes(host.context.passphrase('volume/vol-4'))).toBe(false)
  const { mode, uid } = await stat(join(host.layout.pool('default'), volume.name))
  expect(mode & 0o077).toBe(0)
  expect(uid).toBe(host.runAs?.uid ?? process.getuid?.())
})

test('a volume that somebody has open is in use: it is neither deleted nor opened for writing', async (context) => {
  const { volumes } = await openLab(context)
  const volume = qcow2('vol-5')
  await volumes.create(volume, { sizeBytes: 4 * mebibyte })
  for (const open of [() => volumes.openSource(volume), () => volumes.openSink(volume)]) {
    const end = closing(await open())
    await expect(volumes.openSink(volume)).rejects.toMatchObject({ code: 'conflict', retryable: true })
    await expect(volumes.delete(volume)).rejects.toMatchObject({ code: 'conflict', retryable: true })
    await end.close()
  }
  await volumes.delete(volume)
})

test('a seed is written whole, also over an earlier one, and read back', async (context) => {
  const { volumes } = await openLab(context)
  const seed = { pool: 'default', name: 'seed-1.raw', format: 'raw' as const }
  for (const content of [randomBytes(65_536), randomBytes(131_072)]) {
    await volumes.writeFile(seed, content)
    expect(await volumes.get(seed)).toMatchObject({ sizeBytes: content.length, format: 'raw' })
    expect(await contentOf(volumes, seed)).toBe(digest(content).toString('hex'))
  }
})

test('a copy that died half way is made anew, and is not listed until it is done', async (context) => {
  const { volumes, tap, host } = await openLab(context)
  const [from, to] = [qcow2('vol-6'), qcow2('vol-7')]
  await volumes.create(from, { sizeBytes: 4 * mebibyte })
  await fill(volumes, from, 0, 2 * mebibyte)
  tap.inject({ operation: 'qemu-img convert', mode: 'error', code: 'connection_lost' })
  await expect(volumes.copy(from, to)).rejects.toMatchObject({ code: 'network', retryable: true })
  await writeFile(join(host.layout.pool('default'), '.vol-7.qcow2.new'), 'half of it')
  await writeFile(join(host.layout.pool('default'), 'foreign.qcow2'), 'no image at all')
  expect((await volumes.list('default')).map(({ name }) => name)).toEqual(['vol-6.qcow2'])
  await volumes.copy(from, to)
  expect(await contentOf(volumes, to)).toBe(await contentOf(volumes, from))
  expect((await volumes.list('default')).map(({ name }) => name)).toEqual(['vol-6.qcow2', 'vol-7.qcow2'])
  await volumes.delete(from)
  expect(await volumes.get(from)).toBeUndefined()
})

test('names that could lead elsewhere, unknown pools and odd sizes are refused by name', async (context) => {
  const { volumes } = await openLab(context)
  for (const name of ['../x.qcow2', '.x.qcow2', 'a/b', '', '-o'])
    await expect(volumes.get({ pool: 'default', name, format: 'qcow2' })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(JSON.stringify(name)) as string,
    })
  await expect(volumes.list('elsewhere')).rejects.toMatchObject({ code: 'not_found' })
  for (const sizeBytes of [0, 1000, 1.5, -512])
    await expect(volumes.create(qcow2('vol-8'), { sizeBytes }), `${sizeBytes}`).rejects.toMatchObject({
      code: 'invalid_request',
    })
})
