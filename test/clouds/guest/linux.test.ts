import { spawnSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test, type TestContext } from 'vitest'
import { createMachines } from '#test/clouds/core/machines.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { readGuestConsole } from '#test/clouds/guest/console.ts'
import { writeCpio } from '#test/clouds/guest/cpio.ts'
import { findLinuxParts } from '#test/clouds/guest/linux-parts.ts'
import { buildLinuxDisk } from '#test/clouds/guest/linux.ts'

test(
  'the tiny Linux boots from its disk, and counts on it',
  { timeout: 120_000 },
  async (context: TestContext) => {
    const parts = findLinuxParts()
    if ('reason' in parts) context.skip(parts.reason)
    const dir = await temporaryDir()
    const machines = createMachines(dir)
    onTestFinished(() => machines.close())
    const available = await machines.available()
    if ('reason' in available) context.skip(available.reason)

    const path = join(dir, 'linux.raw')
    await buildLinuxDisk({ path, unique: 'linux-1', parts })
    const volume = `${path}?offset=${1024 * 1024}`
    expect(spawnSync('/sbin/e2fsck', ['-fn', volume], { encoding: 'utf8' }).status).toBe(0)

    await machines.start('vm', { diskPaths: [path], memoryMib: 256 })
    const deadlineMs = Date.now() + 100_000
    while (readGuestConsole(await machines.console('vm'))?.ready !== true && Date.now() < deadlineMs)
      await delay(100)
    expect(readGuestConsole(await machines.console('vm'))).toEqual({
      unique: 'linux-1',
      boots: 1,
      ready: true,
    })
    await machines.stop('vm')
    // The journal of a machine that lost its power is replayed first, as the next boot would.
    spawnSync('/sbin/e2fsck', ['-fy', volume])
    expect(spawnSync('/sbin/debugfs', ['-R', 'cat /var/boots', volume], { encoding: 'utf8' }).stdout).toBe(
      '2\n',
    )
  },
)

test('a cpio archive is unpacked by cpio as it was packed', async (context: TestContext) => {
  const dir = await temporaryDir()
  const data = Buffer.from('five!')
  const archive = writeCpio([
    { path: 'folder', mode: 0o40755 },
    { path: 'folder/file', mode: 0o100640, data },
    { path: 'empty', mode: 0o100644 },
  ])
  const parts = findLinuxParts()
  const [command, applet] = 'reason' in parts ? ['cpio', []] : [parts.busybox, ['cpio']]
  const { error, status } = spawnSync(command, [...applet, '-idm'], { cwd: dir, input: archive })
  if (error) context.skip('needs cpio')
  expect(status).toBe(0)
  const file = await open(join(dir, 'folder/file'))
  expect([(await file.stat()).mode, await file.readFile()]).toEqual([0o100640, data])
  await file.close()
})
