import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import type { NbdCall, NbdGate } from '#shared/disks/nbd/gate.ts'
import { openNbdSink } from '#shared/disks/nbd/sink.ts'
import { openNbdSource, type NbdSourceOptions } from '#shared/disks/nbd/source.ts'
import { sha256 } from '#shared/disks/hash.ts'
import type { Extent } from '#shared/disks/port.ts'
import { options, simple, startScripted, statusChunk, type Request, type Script } from './scripted-server.ts'

const gibibyte = 2 ** 30
const [read, write, flush, writeZeroes, blockStatus] = [0, 1, 3, 6, 7]

const opened = async (script: Script, more: Partial<NbdSourceOptions> = {}) => {
  const { address, requests } = await startScripted(script)
  const source = await openNbdSource({ address, ...more })
  onTestFinished(() => source.close())
  return { source, requests }
}

test('a listing is asked for page by page, and pieces that touch across pages are one extent', async () => {
  const sizeBytes = 5 * gibibyte
  const { source, requests } = await opened({
    sizeBytes,
    // Answers with at most 512 MiB and 3 extents, whatever is asked; data from 256 MiB to 1.5 GiB and at the very end.
    reply: (request) => {
      const extents: [number, number][] = []
      let at = request.offset
      while (at < sizeBytes && extents.length < 3 && at < request.offset + gibibyte / 2) {
        const next = [gibibyte / 4, 1.5 * gibibyte, sizeBytes - 512, sizeBytes].find(
          (edge) => edge > at,
        ) as number
        const end = Math.min(next, request.offset + gibibyte / 2)
        const isData = (at >= gibibyte / 4 && at < 1.5 * gibibyte) || at >= sizeBytes - 512
        extents.push([end - at, isData ? 0 : 3])
        at = end
      }
      return statusChunk(request, 1, 0, extents)
    },
  })
  expect(await Array.fromAsync(source.extents())).toEqual([
    { offset: gibibyte / 4, length: 1.25 * gibibyte },
    { offset: sizeBytes - 512, length: 512 },
  ])
  expect(requests.length).toBe(10)
  expect(Math.max(...requests.map(({ length }) => length))).toBeLessThanOrEqual(gibibyte)
})

for (const [selection, flags, listed] of [
  [{ kind: 'data' }, [0, 1, 2, 3], [0, 1]],
  [{ kind: 'dirty', bitmap: 'mark' }, [0, 1], [1]],
  [{ kind: 'layers', layers: 2 }, [0, 1, 2, 3], [1, 2]],
] as const)
  test(`of the selection ${selection.kind} the extents with flags ${listed.join(' and ')} are listed`, async () => {
    const { source } = await opened(
      {
        sizeBytes: flags.length * 512,
        reply: (request) =>
          statusChunk(
            request,
            1,
            0,
            flags.map((flag) => [512, flag] as const),
          ),
      },
      { selection },
    )
    const offsets = (await Array.fromAsync(source.extents())).flatMap(({ offset, length }: Extent) =>
      Array.from({ length: length / 512 }, (_, index) => flags[offset / 512 + index]),
    )
    expect(offsets).toEqual(listed)
  })

test('a server that cannot tell where zeros are has data everywhere; one that cannot tell changes is refused', async () => {
  const script: Script = { sizeBytes: 4096, refuses: { [options.structuredReply]: 1 } }
  const { source } = await opened(script)
  expect(await Array.fromAsync(source.extents())).toEqual([{ offset: 0, length: 4096 }])
  await expect(opened(script, { selection: { kind: 'dirty', bitmap: 'mark' } })).rejects.toMatchObject({
    code: 'unsupported',
  })
})

test('a listing that gets nowhere fails instead of asking for ever', async () => {
  const { source } = await opened({ reply: (request) => statusChunk(request, 1, 0, [[0, 0]]) })
  await expect(Array.fromAsync(source.extents())).rejects.toMatchObject({ code: 'protocol' })
})

test('any range can be read, however coarse the blocks and small the requests of the server are', async () => {
  const bytes = randomBytes(20_480)
  const { source, requests } = await opened({
    sizeBytes: bytes.length,
    blocks: { min: 512, preferred: 4096, max: 4096 },
    reply: (request) => simple(request, 0, bytes.subarray(request.offset, request.offset + request.length)),
  })
  for (const [offset, length] of [
    [0, 20_480],
    [511, 2],
    [1000, 9000],
    [20_479, 1],
  ] as const)
    expect((await source.read({ offset, length })).equals(bytes.subarray(offset, offset + length))).toBe(true)
  await expect(source.read({ offset: 20_480, length: 1 })).rejects.toMatchObject({ code: 'out_of_bounds' })
  for (const request of requests) {
    expect(request.offset % 512).toBe(0)
    expect(request.length).toBeLessThanOrEqual(4096)
  }
})

const writable = { sizeBytes: 2 ** 20, transmissionFlags: 0x45 }
const zeros = (request: Request) => statusChunk(request, 1, 0, [[request.length, 3]])

test('a write resolves only after a flush that began when its bytes had been taken, and many share one', async () => {
  const held: (() => void)[] = []
  const { address, requests } = await startScripted({
    ...writable,
    reply: (request, socket) => {
      if (request.command === blockStatus) return zeros(request)
      if (request.command !== flush) return simple(request, 0)
      held.push(() => void socket.write(simple(request, 0)))
      return undefined
    },
  })
  const sink = await openNbdSink({ address })
  onTestFinished(() => sink.close())
  let done = 0
  const put = async (offset: number) => {
    const data = randomBytes(512)
    await sink.write({ offset, data, sha256: await sha256(data) })
    done++
  }
  const first = put(0)
  await expect.poll(() => held.length).toBe(1)
  const others = Array.from({ length: 20 }, (_, index) => put((index + 1) * 512))
  await expect.poll(() => requests.filter(({ command }) => command === write).length).toBe(21)
  expect(done).toBe(0)
  held.shift()?.()
  await first
  await expect.poll(() => held.length).toBe(1)
  expect(done).toBe(1)
  held.shift()?.()
  await Promise.all(others)
  expect(requests.filter(({ command }) => command === flush).length).toBe(2)
})

test('zeros are written without being sent, and bytes without their digest not at all', async () => {
  const { address, requests } = await startScripted({
    ...writable,
    reply: (request) => (request.command === blockStatus ? zeros(request) : simple(request, 0)),
  })
  const sink = await openNbdSink({ address })
  onTestFinished(() => sink.close())
  expect(sink).toMatchObject({ sizeBytes: 2 ** 20, zeroed: true })
  const data = Buffer.alloc(65_536)
  await sink.write({ offset: 65_536, data, sha256: await sha256(data) })
  expect(requests.filter(({ command }) => command === writeZeroes)).toMatchObject([
    { offset: 65_536, length: 65_536 },
  ])
  const wrong = { offset: 0, data, sha256: randomBytes(32) }
  await expect(sink.write(wrong)).rejects.toMatchObject({ code: 'integrity', retryable: true })
  expect(requests.filter(({ command }) => command === write)).toEqual([])
})

test('an export that is read-only, or cannot flush, is no sink', async () => {
  for (const transmissionFlags of [0x47, 0x41]) {
    const { address } = await startScripted({ ...writable, transmissionFlags })
    await expect(openNbdSink({ address })).rejects.toMatchObject({ code: 'unsupported' })
  }
})

test('everything that is asked of a server goes through the gate under its name', async () => {
  const seen: NbdCall[] = []
  const gate: NbdGate = (call, send) => {
    seen.push(call)
    return send(new AbortController().signal)
  }
  const reply = (request: Request) =>
    request.command === blockStatus
      ? zeros(request)
      : simple(request, 0, request.command === read ? Buffer.alloc(request.length, 1) : undefined)
  const { address } = await startScripted({ ...writable, reply })
  const data = randomBytes(512)
  const sink = await openNbdSink({ address, gate })
  await sink.write({ offset: 0, data, sha256: await sha256(data) })
  await sink.close()
  const source = await openNbdSource({ address, gate })
  await source.read({ offset: 0, length: 512 })
  await source.close()
  expect(seen.map(({ operation, mutating }) => `${operation}${mutating ? '!' : ''}`)).toEqual([
    'nbd connect',
    'nbd block-status',
    'nbd write!',
    'nbd flush!',
    'nbd connect',
    'nbd read',
  ])
  expect(seen[2]?.payload).toBe(data)
})
