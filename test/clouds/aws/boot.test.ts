import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { readGuestConsole, type GuestBoot } from '#test/clouds/guest/console.ts'
import { buildGuestDisk } from '#test/clouds/guest/disk.ts'
import { openRaw, runOne, until, type RawAws } from '#test/clouds/aws/raw.ts'

const qemu = !('reason' in (await findHypervisor()))

test.runIf(qemu)(
  'an instance boots its own volume: the guest counts its boots and GetConsoleOutput shows it',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'novacron-guest-'))
    const { path, unique } = await buildGuestDisk({
      path: join(dir, 'guest.raw'),
      sizeBytes: 48 * 2 ** 20,
      unique: 'disk-1',
    })
    const raw = await openRaw({ imagePath: path, boot: true })
    const id = await runOne(raw)
    const InstanceIds = [id]
    await until(async () => (await bootOf(raw, id))?.ready === true)
    expect(await bootOf(raw, id)).toEqual({ unique, boots: 1, ready: true })

    await raw.ec2.stopInstances({ InstanceIds })
    await raw.ec2.startInstances({ InstanceIds })
    await until(async () => (await bootOf(raw, id))?.ready === true)
    expect((await bootOf(raw, id))?.boots).toBe(2)

    await raw.ec2.terminateInstances({ InstanceIds })
    await raw.close()
    await rm(dir, { recursive: true, force: true })
  },
)

async function bootOf({ ec2 }: RawAws, InstanceId: string): Promise<GuestBoot | undefined> {
  const { Output = '' } = await ec2.getConsoleOutput({ InstanceId, Latest: true })
  return readGuestConsole(Buffer.from(Output, 'base64').toString('latin1'))
}
