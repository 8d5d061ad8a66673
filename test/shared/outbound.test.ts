import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOutbound, type Outbound, type OutboundOptions } from '#shared/outbound.ts'
import { assertPublicUrl, troubleWithUrl } from '#shared/public-url.ts'
import { isSpecialAddress } from '#shared/special-addresses.ts'

describe('addresses', () => {
  test.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['0.0.0.0', 'this host'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'carrier-grade NAT'],
    ['169.254.169.254', 'cloud metadata'],
    ['192.0.2.1', 'documentation'],
    ['198.18.0.1', 'benchmarking'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'IPv4-mapped loopback'],
    ['::ffff:a9fe:a9fe', 'IPv4-mapped metadata'],
    ['::127.0.0.1', 'IPv4-compatible loopback'],
    ['64:ff9b::7f00:1', 'NAT64 of loopback'],
    ['64:ff9b:1::a00:1', 'local NAT64'],
    ['2002:7f00:1::', '6to4 of loopback'],
    ['2001:0:7f00:1::', 'Teredo'],
    ['2001:db8::1', 'documentation'],
    ['fd00:ec2::254', 'metadata over IPv6'],
    ['fe80::1', 'link-local'],
    ['ff02::1', 'multicast'],
    ['example.com', 'no address at all'],
  ])('%s (%s) is special', (address) => {
    expect(isSpecialAddress(address)).toBe(true)
  })

  test.each([
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:1.1.1.1',
  ])('%s is public', (address) => {
    expect(isSpecialAddress(address)).toBe(false)
  })
})

describe('URLs', () => {
  test.each([
    'https://127.0.0.1/',
    'https://localhost/',
    'https://sub.localhost/',
    'https://localhost./',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://017700000001/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://0.0.0.0/',
    'https://169.254.169.254/latest/meta-data/',
    'https://metadata.google.internal/',
    'https://printer.local/',
    'https://db/',
    'http://example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'https://user:secret@example.com/',
    'https://example.com/#fragment',
    'example.com',
  ])('%s is refused', (url) => {
    expect(troubleWithUrl(url, false)).toEqual(expect.any(String))
    expect(() => assertPublicUrl(url)).toThrow(expect.objectContaining({ code: 'address_refused' }))
  })

  test('a public https address is not refused', () => {
    expect(assertPublicUrl('https://hooks.example.com:8443/a?b=c').host).toBe('hooks.example.com:8443')
  })

  test('development may use http and private addresses, still without a password in them', () => {
    expect(troubleWithUrl('http://127.0.0.1:8080/', true)).toBeUndefined()
    expect(troubleWithUrl('http://a:b@127.0.0.1/', true)).toBeDefined()
  })
})

describe('calls', () => {
  let server: Server
  let port: number
  let requests = 0
  beforeAll(async () => {
    server = createServer((request, response) => {
      requests += 1
      if (request.url === '/endless') {
        response.writeHead(200)
        const timer = setInterval(() => response.write('x'.repeat(16_384)), 1)
        response.on('close', () => clearInterval(timer))
      } else response.writeHead(302, { location: '/elsewhere' }).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => server.close())

  const withOutbound = async <T>(options: OutboundOptions, work: (outbound: Outbound) => Promise<T>) => {
    const outbound = createOutbound(options)
    try {
      return await work(outbound)
    } finally {
      await outbound.close()
    }
  }
  const message = (url: string) => ({
    url,
    headers: {},
    body: '{}',
    signal: new AbortController().signal,
    timeoutMs: 2_000,
  })

  /** A resolver that says for every name what the test wants. */
  const resolvingTo =
    (...addresses: string[]): NonNullable<OutboundOptions['lookup']> =>
    (_host, _options, done) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )

  test.each([
    ['loopback', ['127.0.0.1']],
    ['the metadata service', ['169.254.169.254']],
    ['loopback over NAT64', ['64:ff9b::7f00:1']],
    ['a public and a private address', ['93.184.215.14', '10.0.0.1']],
    ['nothing', []],
  ])('a name that resolves to %s is refused before a connection is made', async (_what, addresses) => {
    const before = requests
    await withOutbound({ allowPrivate: false, lookup: resolvingTo(...addresses) }, (outbound) =>
      expect(outbound.post(message(`https://hooks.example.com:${port}/`))).rejects.toMatchObject({
        code: 'address_refused',
      }),
    )
    expect(requests).toBe(before)
  })

  test('a literal special address, which no resolver ever sees, is refused', async () => {
    await withOutbound({ allowPrivate: false }, (outbound) =>
      expect(outbound.post(message(`https://127.0.0.1:${port}/`))).rejects.toMatchObject({
        code: 'address_refused',
      }),
    )
  })

  test('a redirect is an answer like any other', async () => {
    const before = requests
    const reply = await withOutbound({ allowPrivate: true }, (outbound) =>
      outbound.post(message(`http://127.0.0.1:${port}/`)),
    )
    expect(reply).toMatchObject({ status: 302, headers: { location: '/elsewhere' } })
    expect(requests).toBe(before + 1)
  })

  test('an answer without end is cut off and counts by its status', async () => {
    const reply = await withOutbound({ allowPrivate: true }, (outbound) =>
      outbound.post(message(`http://127.0.0.1:${port}/endless`)),
    )
    expect(reply.status).toBe(200)
  })

  test('an endpoint that is not there is a failure to be tried again', async () => {
    await withOutbound({ allowPrivate: true }, (outbound) =>
      expect(outbound.post(message('http://127.0.0.1:9/'))).rejects.toMatchObject({
        code: 'unreachable',
        retryable: true,
      }),
    )
  })
})
