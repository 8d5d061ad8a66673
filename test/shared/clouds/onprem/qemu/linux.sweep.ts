import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, type TestContext } from 'vitest'
import type { CloudVm, Firmware } from '#shared/clouds/port.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { readGuestConsole } from '#test/clouds/guest/console.ts'
import { findLinuxExtras, findLinuxParts } from '#test/clouds/guest/linux-parts.ts'
import { buildLinuxDisk } from '#test/clouds/guest/linux.ts'
import { intentOf } from '#test/shared/clouds/conformance/subject.ts'
import {
  endOf,
  job,
  openImageLab,
  region,
  startImport,
  type ImageLab,
} from '#test/shared/clouds/onprem/images/lab.ts'

const bootMs = 240_000

/** The provider with an image of the tiny Linux; without extras it has no guest agent and no UEFI. */
async function linuxLab(
  context: TestContext,
  firmware: Firmware,
  { agent }: { agent: boolean },
): Promise<ImageLab & { image: string }> {
  const hypervisor = await findHypervisor()
  if ('reason' in hypervisor) context.skip(hypervisor.reason)
  const parts = findLinuxParts()
  const extras = findLinuxExtras()
  if ('reason' in parts) context.skip(parts.reason)
  if ('reason' in extras) context.skip(extras.reason)
  const lab = await openImageLab({ shutdown_grace_ms: 60_000 })
  const path = join(lab.dir, 'linux.raw')
  await buildLinuxDisk({ path, unique: 'linux-1', parts, ...(agent ? { extras } : {}) })
  const task = await startImport(lab, await readFile(path), 'raw', intentOf(job), firmware)
  const { image, message } = await endOf(lab.cloud, task)
  if (image === undefined) throw new Error(message ?? 'no image')
  return { ...lab, image: image.id }
}

/** Its user data is a script that tells that it ran, after `first`. */
async function startVm({ cloud, image }: ImageLab & { image: string }, first = 'true'): Promise<CloudVm> {
  const vm = await cloud.compute.create({
    ...intentOf(job),
    region,
    name: 'Web 1',
    instanceType: 'custom-1-512',
    boot: { image },
    userData: `#!/bin/busybox sh\n${first}\necho "NOVACRON USER DATA $(hostname)"\n`,
  })
  await untilPrinted({ cloud }, vm, 'NOVACRON DISK vda')
  return vm
}

/** Waits until the console has this, and gives all that it has. */
async function untilPrinted({ cloud }: Pick<ImageLab, 'cloud'>, vm: CloudVm, text: string): Promise<string> {
  const giveUpMs = performance.now() + bootMs
  for (;;) {
    const printed = (await cloud.compute.consoleOutput(vm)) ?? ''
    if (printed.includes(text)) return printed
    if (performance.now() > giveUpMs) throw new Error(`the console never said ${text}:\n${printed}`)
    await delay(200)
  }
}

test.for(['bios', 'uefi'] as const)(
  'by %s the tiny Linux boots, takes host name and script from its seed, sees a disk come and go, and is shut down by its agent',
  { timeout: 2 * bootMs },
  async (firmware, context) => {
    const lab = await linuxLab(context, firmware, { agent: true })
    const { cloud } = lab
    // Deaf to the power button, so that what shuts it down is the agent.
    const vm = await startVm(lab, 'killall acpid')
    const printed = (await cloud.compute.consoleOutput(vm)) ?? ''
    expect(printed).toContain(`, by ${firmware.toUpperCase()}`)
    expect(printed).toContain('NOVACRON HOSTNAME web-1')
    expect(printed).toContain('NOVACRON USER DATA web-1')
    expect(readGuestConsole(printed)).toEqual({ unique: 'linux-1', boots: 1, ready: true })

    const volume = await cloud.storage.volumes.create({
      ...intentOf(job),
      region,
      ...(vm.zone === undefined ? {} : { zone: vm.zone }),
      name: 'data',
      sizeGib: 2,
      type: 'ssd',
    })
    await cloud.storage.volumes.attach(volume, vm)
    const plugged = await untilPrinted(lab, vm, ' 2048 MiB')
    const name = /NOVACRON DISK (vd\w) 2048 MiB/.exec(plugged)?.[1]
    await cloud.storage.volumes.detach(volume)
    await untilPrinted(lab, vm, `NOVACRON DISK ${name} gone`)

    await cloud.compute.stop(vm)
    expect(await cloud.compute.consoleOutput(vm)).toContain('NOVACRON DOWN by agent')
    expect(await cloud.compute.get(vm)).toMatchObject({ state: 'stopped' })

    await cloud.compute.start(vm)
    const again = await untilPrinted(lab, vm, 'boots=0002')
    expect(again).toContain('NOVACRON GUEST unique=linux-1 boots=0002')
    await cloud.compute.delete(vm)
  },
)

test(
  'without an agent the tiny Linux is shut down by its power button, its file system clean',
  { timeout: 2 * bootMs },
  async (context) => {
    const lab = await linuxLab(context, 'bios', { agent: false })
    const vm = await startVm(lab)
    await lab.cloud.compute.stop(vm)
    expect(await lab.cloud.compute.consoleOutput(vm)).toContain('NOVACRON DOWN by button')
    await lab.cloud.compute.delete(vm)
  },
)
