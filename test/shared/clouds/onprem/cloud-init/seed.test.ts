import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seedImage, type Seed } from '#shared/clouds/onprem/cloud-init/seed.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { readFat } from '#test/clouds/guest/read-fat.ts'

const seed: Seed = {
  instanceId: '1f0c61b2-55f0-8d10-8a11-3f0a7f1c2d3e',
  hostname: 'web-1',
  publicKeys: ['ssh-ed25519 AAAA one@example.com\n', 'ssh-rsa BBBB "two": \\ #x'],
}
const filesOf = (wishes: Partial<Seed>) =>
  Object.fromEntries(
    [...readFat(seedImage({ ...seed, ...wishes }))].map(([name, data]) => [name, data.toString()]),
  )

test('a seed holds host name, identity and keys as metadata, every value in quotes', () => {
  expect(filesOf({})).toEqual({
    'meta-data': [
      'instance-id: "1f0c61b2-55f0-8d10-8a11-3f0a7f1c2d3e"',
      'local-hostname: "web-1"',
      'public-keys: ["ssh-ed25519 AAAA one@example.com","ssh-rsa BBBB \\"two\\": \\\\ #x"]',
      '',
    ].join('\n'),
    'user-data': '',
  })
})

test.each(['#!/bin/sh\necho "hé" > /x\n', '#cloud-config\nhostname: mine\n', 'x'.repeat(300_000)])(
  'user data reaches the guest byte by byte (%#)',
  (userData) => {
    expect(filesOf({ userData })['user-data']).toBe(userData)
  },
)

test.each([
  ['Web Server_7', 'web-server-7'],
  ['db.Example.com', 'db.example.com'],
  ['--ü--', 'vm'],
  ['x\nroot: yes', 'x-root-yes'],
  ['a'.repeat(80), 'a'.repeat(63)],
])('the name %j gives a host name that is one: %s', (hostname, expected) => {
  expect(filesOf({ hostname })['meta-data']).toContain(`local-hostname: "${expected}"\n`)
})

test('each interface takes its address by DHCP, known by its hardware address', () => {
  const network = [{ mac: '52:54:00:AA:00:01' }, { mac: '52:54:00:aa:00:02' }]
  expect(filesOf({ network })['network-config']).toBe(
    'version: 2\nethernets: {"nic0":{"match":{"macaddress":"52:54:00:aa:00:01"},"dhcp4":true},' +
      '"nic1":{"match":{"macaddress":"52:54:00:aa:00:02"},"dhcp4":true,"optional":true}}\n',
  )
})

test('the same seed gives the same bytes', () => {
  expect(seedImage(seed).equals(seedImage({ ...seed }))).toBe(true)
})

test.for([1, 3])(
  'other readers find the volume sound, by its label and with its files (%i MiB)',
  async (sizeMib, context) => {
    const path = join(await temporaryDir(), 'seed.img')
    const image = seedImage({ ...seed, userData: 'y'.repeat(sizeMib === 1 ? 100 : 2 ** 21) })
    expect(image.length).toBe(sizeMib * 2 ** 20)
    await writeFile(path, image)
    const tell = (program: string, ...args: string[]) => {
      const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
      const { error, status, stdout } = spawnSync(program, args, { env, encoding: 'utf8' })
      if (error) context.skip(`needs ${program} (Debian: dosfstools, mtools)`)
      return { status, stdout }
    }
    // The label counts as a file.
    expect(tell('fsck.fat', '-n', path)).toEqual({ status: 0, stdout: expect.stringContaining(' 3 files, ') })
    expect(tell('mlabel', '-s', '-i', path, '::')).toMatchObject({
      stdout: expect.stringContaining('CIDATA'),
    })
    expect(tell('mdir', '-b', '-i', path, '::').stdout.trim().split('\n')).toEqual([
      '::/meta-data',
      '::/user-data',
    ])
    expect(tell('mtype', '-i', path, '::/meta-data').stdout).toContain('"web-1"')
  },
)
