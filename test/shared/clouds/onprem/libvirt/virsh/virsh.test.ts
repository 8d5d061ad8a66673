import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandLine } from '#shared/clouds/onprem/libvirt/virsh/command-line.ts'
import { errorOf } from '#shared/clouds/onprem/libvirt/virsh/errors.ts'
import { openVirsh, outputFile, type Virsh } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { findLibvirt, startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { processesOf } from '#test/clouds/libvirt/processes.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''

test('what virsh complains of is known by libvirt’s code', () => {
  const codeOf = (text: string) => errorOf(text)?.vendorCode
  expect(codeOf('')).toBeUndefined()
  expect(
    codeOf(
      "error: failed to get vol 'x'\nerror: Storage volume not found: no storage vol with matching path 'x'\n",
    ),
  ).toBe('VIR_ERR_NO_STORAGE_VOL')
  expect(codeOf("error: failed to get domain 'x'\n")).toBe('VIR_ERR_NO_DOMAIN')
  expect(
    codeOf("error: Disconnected from qemu:///session due to end of file\nerror: failed to get domain 'x'\n"),
  ).toBe('connection_lost')
  expect(
    codeOf(
      'error: failed to connect to the hypervisor\nerror: Cannot recv data: Host key verification failed.: Connection reset by peer\n',
    ),
  ).toBe('ssh_host_key')
  expect(
    codeOf(
      'error: failed to connect to the hypervisor\nerror: Cannot recv data: nobody@127.0.0.1: Permission denied (publickey).: Connection reset by peer\n',
    ),
  ).toBe('ssh_auth')
  expect(codeOf('error: something new\n')).toBe('virsh_failed')
})

test('no word can become an option, a second command or a key stroke', () => {
  expect(commandLine(['dominfo', 'a; destroy b', '#x', `"\\'$`])).toBe(
    String.raw`dominfo "a; destroy b" "#x" "\"\\'$"`,
  )
  for (const word of ['a\nb', 'a\tb', '\u0003', 'é', '\u007f'])
    expect(() => commandLine(['dominfo', word])).toThrow(/characters that no name may have/)
})

describe.skipIf(reason)(`a connected virsh${reason}`, () => {
  let daemon: LibvirtDaemon
  let virsh: Virsh
  beforeAll(async () => {
    daemon = await startLibvirtDaemon()
    virsh = openVirsh({ uri: daemon.uri, sessions: 2 })
  })
  afterAll(async () => {
    virsh.close()
    await daemon.close()
  })

  test('gives what a command printed and nothing else, however odd its words', async () => {
    for (const word of ['plain', 'a b', `q"'\\;#`, 'x'.repeat(3_000), 'virsh # echo', '--help me', ''])
      expect((await virsh.run(['echo', '--', word])).text).toBe(word)
    expect((await virsh.run(['pool-list', '--name'])).text.trim()).toBe('default')
  })

  test('a failed command says why, and the next one works', async () => {
    await expect(virsh.run(['nosuch'])).rejects.toMatchObject({ vendorCode: 'virsh_failed' })
    await expect(virsh.run(['list', '--nosuch'])).rejects.toMatchObject({ vendorCode: 'virsh_failed' })
    await expect(virsh.run(['dominfo', 'x'])).rejects.toMatchObject({ vendorCode: 'VIR_ERR_NO_DOMAIN' })
    expect((await virsh.run(['echo', 'on'])).text).toBe('on')
  })

  test('content goes in and comes out byte for byte, and no file of it is left', async () => {
    const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256))
    await virsh.run(['vol-create-as', 'default', 'content', '100000', '--format', 'raw'])
    await virsh.run(['vol-upload', '--pool', 'default', '--vol', 'content', { content }])
    const { output } = await virsh.run(['vol-download', '--pool', 'default', '--vol', 'content', outputFile])
    expect(output.equals(content)).toBe(true)
  })

  test('more commands than processes wait for their turn, and each gets its own answer', async () => {
    const words = Array.from({ length: 50 }, (_, index) => `answer-${index}`)
    const answers = await Promise.all(words.map(async (word) => (await virsh.run(['echo', word])).text))
    expect(answers).toEqual(words)
    expect(clients(daemon)).toBeLessThanOrEqual(3)
  })

  test('a command that is given up takes its process with it; others do not notice', async () => {
    await virsh.run(['echo', 'connected'])
    const giveUp = AbortSignal.timeout(100)
    const hanging = virsh
      .run(['event', '--domain', 'x', '--loop', '--all'], giveUp)
      .catch((error: unknown) => error)
    expect((await virsh.run(['echo', 'on'])).text).toBe('on')
    await hanging
    expect((await virsh.run(['echo', 'on'])).text).toBe('on')
    await expect(virsh.run(['echo', 'late'], AbortSignal.abort())).rejects.toThrow(/abort/i)
  })

  test('a daemon that was restarted is found again', async () => {
    await Promise.all([virsh.run(['list']), virsh.run(['list'])])
    await daemon.restart()
    for (let each = 0; each < 4; each++)
      expect((await virsh.run(['pool-list', '--name'])).text.trim()).toBe('default')
    const pid = daemon.libvirtdPid()
    process.kill(pid, 'SIGSTOP')
    const lost = virsh.run(['pool-list', '--name']).catch((error: unknown) => error)
    process.kill(pid, 'SIGKILL')
    expect(await lost).toMatchObject({ vendorCode: 'connection_lost' })
    await expect(virsh.run(['list'])).rejects.toMatchObject({ vendorCode: 'daemon_missing' })
    await daemon.restart()
    expect((await virsh.run(['pool-list', '--name'])).text.trim()).toBe('default')
  })

  test('a closed connection leaves no process', async () => {
    const before = clients(daemon)
    const mine = openVirsh({ uri: daemon.uri })
    await Promise.all([mine.run(['echo', '1']), mine.run(['echo', '2'])])
    expect(clients(daemon)).toBe(before + 2)
    mine.close()
    await expect.poll(() => clients(daemon)).toBe(before)
    await expect(mine.run(['echo', '3'])).rejects.toMatchObject({ vendorCode: 'connection_lost' })
  })

  test('a daemon that is not there, and a virsh that is not there, are told apart', async () => {
    const none = openVirsh({ uri: 'qemu:///session?socket=/nonexistent/sock' })
    await expect(none.run(['list'])).rejects.toMatchObject({ vendorCode: 'daemon_missing' })
    const missing = openVirsh({ uri: daemon.uri, environment: { PATH: '/nonexistent' } })
    await expect(missing.run(['list'])).rejects.toMatchObject({ vendorCode: 'hypervisor_missing' })
    none.close()
    missing.close()
  })
})

const clients = ({ uri, folder }: LibvirtDaemon): number =>
  processesOf(folder).filter(({ command }) => command.startsWith('virsh') && command.includes(uri)).length
