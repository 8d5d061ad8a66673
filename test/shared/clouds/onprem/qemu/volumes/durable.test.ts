import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { closing, digest, killServers, mebibyte, openLab, qcow2, writeAt } from './lab.ts'

for (const keyName of [undefined, 'volume/vol-1'])
  test(`what a write to ${keyName ? 'an encrypted' : 'a plain'} volume has resolved for is there after its server was killed`, async (context) => {
    const lab = await openLab(context)
    const { volumes } = lab
    const volume = qcow2('vol-1', keyName)
    await volumes.create(volume, { sizeBytes: 16 * mebibyte })
    const sink = closing(await volumes.openSink(volume))
    const data = randomBytes(2 * mebibyte)
    await writeAt(sink, 5 * mebibyte, data)
    expect(await killServers(lab)).toBe(1)
    const chunk = { offset: 0, data, sha256: digest(data) }
    await expect(sink.write(chunk)).rejects.toMatchObject({ code: 'network', retryable: true })
    await sink.close()

    const source = closing(await volumes.openSource(volume))
    expect((await source.read({ offset: 5 * mebibyte, length: data.length })).equals(data)).toBe(true)
    await source.close()
    const again = closing(await volumes.openSink(volume))
    expect(again.zeroed).toBe(false)
    await writeAt(again, 0, data)
    await again.close()
    expect(await lab.leftovers()).toEqual([])
  })

test('bytes changed on their way to or from a volume are noticed, and the next try is right', async (context) => {
  const { volumes, tap } = await openLab(context)
  const volume = qcow2('vol-1')
  await volumes.create(volume, { sizeBytes: 4 * mebibyte })
  const sink = closing(await volumes.openSink(volume))
  const data = randomBytes(65_536)
  const chunk = { offset: 0, data, sha256: digest(data) }
  tap.inject({ operation: 'nbd write', mode: 'corrupt_stored' })
  await expect(sink.write(chunk)).rejects.toMatchObject({ code: 'integrity', retryable: true })
  await sink.write(chunk)
  await sink.close()
  const source = closing(await volumes.openSource(volume))
  tap.inject({ operation: 'nbd read', mode: 'corrupt_read' })
  const extent = { offset: 0, length: data.length }
  await expect(source.read(extent)).rejects.toMatchObject({ code: 'integrity', retryable: true })
  expect((await source.read(extent)).equals(data)).toBe(true)
})

test('a server that cannot be reached leaves nothing behind, and the next opening works', async (context) => {
  const { volumes, tap, leftovers } = await openLab(context)
  const volume = qcow2('vol-1')
  await volumes.create(volume, { sizeBytes: 4 * mebibyte })
  for (const operation of ['qemu-storage-daemon', 'nbd connect'])
    for (const mode of ['error', 'drop_reply'] as const) {
      tap.inject({ operation, mode, code: 'connection_lost' })
      await expect(volumes.openSink(volume), `${operation} ${mode}`).rejects.toMatchObject({
        code: 'network',
      })
      expect(await leftovers(), `${operation} ${mode}`).toEqual([])
    }
  await (await volumes.openSink(volume)).close()
})
