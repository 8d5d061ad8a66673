import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { crc64 } from '#test/clouds/azure/crc64.ts'
import { bareAzure, diskPath, grant, revoke, uploadDisk } from '#test/clouds/azure/harness.ts'
import { exportFooter, faultOfFooter } from '#test/clouds/azure/vhd.ts'

const bare = bareAzure()
const mebibyte = 2 ** 20
const version = { 'x-ms-version': '2025-11-05' }
const md5 = (data: Buffer) => createHash('md5').update(data).digest('base64')
const range = (offset: number, length: number) => ({ 'x-ms-range': `bytes=${offset}-${offset + length - 1}` })
const put = async (url: string, offset: number, data: Buffer, headers: Record<string, string> = {}) => {
  const reply = await bare.raw.send(
    'PUT',
    `${url}&comp=page`,
    { ...version, ...range(offset, data.length), 'x-ms-page-write': 'update', ...headers },
    data,
  )
  return reply.status === 201 ? 201 : [reply.status, reply.headers['x-ms-error-code']]
}

test('the CRC-64 is the one Azure uses', () => {
  expect(crc64(Buffer.from('123456789')).readBigUInt64LE()).toBe(0xae8b14860a799888n)
})

describe('writing pages', () => {
  test('takes whole pages of at most 4 MiB inside the blob', async () => {
    const url = await uploadDisk(bare, 'w1')
    expect(await put(url, 0, randomBytes(512))).toBe(201)
    expect(await put(url, 4 * mebibyte, randomBytes(4 * mebibyte))).toBe(201)
    expect(await put(url, 0, randomBytes(4 * mebibyte + 512))).toEqual([413, 'RequestBodyTooLarge'])
    expect(await put(url, 100, randomBytes(512))).toEqual([416, 'InvalidPageRange'])
    expect(await put(url, 0, randomBytes(100))).toEqual([416, 'InvalidPageRange'])
    expect(await put(url, 20 * mebibyte + 512, randomBytes(512))).toEqual([416, 'InvalidPageRange'])
    expect(await put(url, 0, randomBytes(512), range(0, 1024))).toEqual([400, 'InvalidHeaderValue'])
  })

  test('refuses bytes that do not have the checksum sent with them, and keeps nothing of them', async () => {
    const url = await uploadDisk(bare, 'w2')
    const data = randomBytes(512)
    expect(await put(url, 0, data, { 'content-md5': md5(randomBytes(512)) })).toEqual([400, 'Md5Mismatch'])
    expect(
      await put(url, 0, data, { 'x-ms-content-crc64': crc64(randomBytes(512)).toString('base64') }),
    ).toEqual([400, 'Crc64Mismatch'])
    const kept = await bare.raw.send('GET', url, { ...version, ...range(0, 512) })
    expect(kept.text).toBe('\0'.repeat(512))
    const sums = { 'content-md5': md5(data), 'x-ms-content-crc64': crc64(data).toString('base64') }
    expect(await put(url, 0, data, sums)).toBe(201)
  })
})

describe('reading', () => {
  test('gives ranges, with their checksum if it is asked for and they are small enough', async () => {
    const url = await uploadDisk(bare, 'r1')
    const data = randomBytes(8192)
    await put(url, 4096, data)
    const wish = { 'x-ms-range-get-content-md5': 'true' }
    const reply = await bare.raw.send('GET', url, { ...version, ...range(4096, 8192), ...wish })
    expect(reply.status).toBe(206)
    expect(reply.headers['content-md5']).toBe(md5(data))
    expect(reply.headers['content-range']).toBe(`bytes 4096-12287/${20 * mebibyte + 512}`)
    expect(Buffer.from(reply.text, 'latin1').equals(data)).toBe(true)
    expect((await bare.raw.send('GET', url, { ...version, ...range(0, 5 * mebibyte), ...wish })).status).toBe(
      400,
    )
    expect((await bare.raw.send('GET', url, { ...version, ...range(21 * mebibyte, 512) })).status).toBe(416)
  })

  test('lists what was written, in pages', async () => {
    const url = await uploadDisk(bare, 'r2')
    for (const offset of [0, 1, 3, 5, 6]) await put(url, offset * 8192, randomBytes(4096))
    const list = async (query: string) => {
      const { text, status } = await bare.raw.send('GET', `${url}&comp=pagelist${query}`, {
        ...version,
        ...range(0, 20 * mebibyte),
      })
      const starts = [...text.matchAll(/<Start>(\d+)<\/Start>/g)].map(([, start]) => Number(start))
      return { status, starts, marker: /<NextMarker>(.*)<\/NextMarker>/.exec(text)?.[1] }
    }
    expect((await list('')).starts).toEqual([0, 8192, 24576, 40960, 49152])
    const first = await list('&maxresults=2')
    expect(first.starts).toEqual([0, 8192])
    const second = await list(`&maxresults=2&marker=${encodeURIComponent(first.marker ?? '')}`)
    expect(second.starts).toEqual([24576, 40960])
    expect((await list('&marker=bogus')).status).toBe(400)
    expect((await list('&maxresults=0')).status).toBe(400)
  })
})

describe('access signatures', () => {
  test('are checked for truth, and die when access is revoked', async () => {
    const url = await uploadDisk(bare, 's1')
    const head = (address: string) => bare.raw.send('GET', address, { ...version, ...range(0, 512) })
    expect((await head(url)).status).toBe(206)
    expect((await head(url.replace(/sig=.{4}/, 'sig=AAAA'))).headers['x-ms-error-code']).toBe(
      'AuthenticationFailed',
    )
    expect((await head(url.replace(/\?.*/, ''))).status).toBe(403)
    await revoke(bare, 's1')
    expect((await head(url)).status).toBe(403)
  })

  test('for reading do not write', async () => {
    await bare.raw.arm('PUT', diskPath('s2'), {
      location: 'eastus',
      properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1 },
    })
    const url = await grant(bare, diskPath('s2', '/beginGetAccess'), 'Read')
    expect(await put(url, 0, randomBytes(512))).toEqual([403, 'AuthorizationPermissionMismatch'])
  })

  test('there is one at a time, and while it lives the disk is not deleted', async () => {
    await uploadDisk(bare, 's3')
    const again = await bare.raw.arm('POST', diskPath('s3', '/beginGetAccess'), {
      access: 'Write',
      durationInSeconds: 60,
    })
    expect([again.status, again.json.error?.code]).toEqual([409, 'Conflict'])
    const gone = await bare.raw.arm('DELETE', diskPath('s3'))
    expect([gone.status, gone.json.error?.code]).toEqual([409, 'OperationNotAllowed'])
    await revoke(bare, 's3')
    expect((await bare.raw.arm('DELETE', diskPath('s3'))).status).toBe(202)
  })
})

describe('the end of an upload', () => {
  const footerOf = (change: (footer: Buffer) => void) => {
    const footer = exportFooter(20 * mebibyte)
    change(footer)
    return footer
  }
  const resum = (footer: Buffer) => {
    footer.writeUInt32BE(0, 64)
    footer.writeUInt32BE(0xffffffff - footer.reduce((sum, byte) => sum + byte, 0), 64)
  }
  const wrong: [string, (footer: Buffer) => void][] = [
    ['no cookie', (footer) => footer.fill(0)],
    ['a wrong checksum', (footer) => footer.writeUInt8(1, 200)],
    ['a dynamic disk', (footer) => (footer.writeUInt32BE(3, 60), resum(footer))],
    ['another size', (footer) => (footer.writeBigUInt64BE(1n, 48), resum(footer))],
  ]

  test.for(wrong)('is refused with %s in the footer, and the upload goes on', async ([name, change]) => {
    const disk = `e-${name.replaceAll(' ', '-')}`
    const url = await uploadDisk(bare, disk)
    await put(url, 20 * mebibyte, footerOf(change))
    expect(await revoke(bare, disk)).toMatchObject({ status: 'Failed', error: { code: 'InvalidVhd' } })
    const state = async () =>
      ((await bare.raw.arm('GET', diskPath(disk))).json['properties'] as { diskState: string }).diskState
    expect(await state()).toBe('ActiveUpload')
    const again = await grant(bare, diskPath(disk, '/beginGetAccess'), 'Write')
    await put(
      again,
      20 * mebibyte,
      footerOf(() => {}),
    )
    expect(await revoke(bare, disk)).toMatchObject({ status: 'Succeeded' })
    expect(await state()).toBe('Unattached')
  })

  test('a disk that is not a whole number of MiB never becomes a VHD', () => {
    expect(faultOfFooter(exportFooter(20 * mebibyte + 512), 20 * mebibyte + 512)).toContain('whole number')
    expect(faultOfFooter(exportFooter(20 * mebibyte), 20 * mebibyte)).toBeUndefined()
  })

  test('an upload is between 20 MiB and 32 TiB', async () => {
    const made = await bare.raw.arm('PUT', diskPath('tiny'), {
      location: 'eastus',
      properties: { creationData: { createOption: 'Upload', uploadSizeBytes: mebibyte + 512 } },
    })
    expect([made.status, made.json.error?.code]).toEqual([400, 'InvalidParameter'])
  })
})
