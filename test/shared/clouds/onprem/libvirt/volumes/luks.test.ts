import { execFile } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encryptedImage } from '#shared/clouds/onprem/luks/image.ts'
import { findProgram } from '#test/clouds/libvirt/find.ts'
import { passphrase } from './lab.ts'

const run = promisify(execFile)
const reason =
  findProgram('qemu-img') && findProgram('qemu-io')
    ? ''
    : ' (skipped: qemu-img and qemu-io are not on PATH; `npm run setup -- --system` installs them)'

describe.skipIf(reason)(`an encrypted image, as QEMU reads it${reason}`, () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nc-luks-'))
    await writeFile(join(folder, 'key'), passphrase('one'), { mode: 0o600 })
    await writeFile(join(folder, 'other'), passphrase('two'), { mode: 0o600 })
  })
  afterAll(() => rm(folder, { recursive: true }))

  const make = async (name: string, sizeBytes: number, backing?: string) => {
    const { head, fileBytes } = encryptedImage({
      sizeBytes,
      passphrase: passphrase('one'),
      ...(backing !== undefined && { backing: { path: join(folder, backing), format: 'qcow2' as const } }),
    })
    await writeFile(join(folder, name), head)
    await truncate(join(folder, name), fileBytes)
  }
  const node = (name: string, backing?: string): object => ({
    driver: 'qcow2',
    encrypt: { format: 'luks', 'key-secret': 'key' },
    file: { driver: 'file', filename: join(folder, name) },
    ...(backing !== undefined && { backing: node(backing) }),
  })
  const image = (name: string, backing?: string) => `json:${JSON.stringify(node(name, backing))}`
  const key = (file = 'key') => ['--object', `secret,id=key,file=${join(folder, file)}`]
  const io = async (commands: string[], file: string, keyFile?: string) =>
    (await run('qemu-io', [...key(keyFile), ...commands.flatMap((each) => ['-c', each]), file])).stdout

  test.each([
    ['smallest', 512],
    ['of an odd size', 20 * 2 ** 30 + 512],
    ['with a table of two clusters', 6 * 2 ** 40],
  ])(
    'has no faults, takes what is written to its ends, and has none after that: %s',
    async (_, sizeBytes) => {
      await make('one', sizeBytes)
      await run('qemu-img', ['check', ...key(), image('one')])
      const { stdout } = await run('qemu-img', ['info', '--output=json', join(folder, 'one')])
      const facts = JSON.parse(stdout) as Record<string, unknown>
      expect(facts).toMatchObject({ 'virtual-size': sizeBytes, encrypted: true, 'cluster-size': 65_536 })
      const last = sizeBytes - 512
      const said = await io([`read -P 0 0 512`, `write -P 7 0 512`, `write -P 9 ${last} 512`], image('one'))
      expect(said).not.toMatch(/fail|error/i)
      expect(await io([`read -P 9 ${last} 512`], image('one'))).not.toMatch(/fail|error/i)
      await run('qemu-img', ['check', ...key(), image('one')])
    },
  )

  test('opens with its own key only, and says nothing without it', async () => {
    await make('closed', 2 ** 20)
    await io(['write -P 65 0 1M'], image('closed'))
    await expect(io(['read 0 512'], image('closed'), 'other')).rejects.toThrow(/Invalid password/)
    const { stdout } = await run('grep', ['-c', 'A'.repeat(64), join(folder, 'closed')]).catch(
      (error: { stdout: string }) => error,
    )
    expect(stdout.trim()).toBe('0')
  })

  test('no two have the same key, so that the same content is not the same bytes', async () => {
    const [one, two] = [1, 2].map(() => encryptedImage({ sizeBytes: 2 ** 20, passphrase: passphrase('one') }))
    expect(one?.head.equals(two?.head ?? Buffer.alloc(0))).toBe(false)
  })

  test('that builds on another has its content until it is overwritten', async () => {
    await make('base', 2 ** 20)
    await io(['write -P 1 0 128k'], image('base'))
    await make('top', 2 ** 21, 'base')
    const { stdout } = await run('qemu-img', ['info', '--output=json', join(folder, 'top')])
    expect(JSON.parse(stdout)).toMatchObject({
      'backing-filename': join(folder, 'base'),
      'backing-filename-format': 'qcow2',
    })
    const said = await io(
      ['write -P 2 64k 64k', 'read -P 1 0 64k', 'read -P 2 64k 64k', 'read -P 0 1M 1M'],
      image('top', 'base'),
    )
    expect(said).not.toMatch(/fail|error/i)
  })

  test('is small and quick to open, because nothing is stretched', async () => {
    expect(encryptedImage({ sizeBytes: 2 ** 40, passphrase: passphrase('one') }).head.length).toBeLessThan(
      2 ** 20,
    )
    await make('quick', 2 ** 20)
    const { stdout } = await run('qemu-img', ['info', '--output=json', join(folder, 'quick')])
    expect(stdout).toContain('"iters": 1000')
  })
})
