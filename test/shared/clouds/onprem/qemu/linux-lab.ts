import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestContext } from 'vitest'
import type { CloudVm, Firmware } from '#shared/clouds/port.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
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

export const bootMs = 240_000

/** The provider with an image of the tiny Linux; without extras it has no guest agent and no UEFI. */
export async function linuxLab(
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
export async function startVm(
  { cloud, image }: ImageLab & { image: string },
  first = 'true',
): Promise<CloudVm> {
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
export async function untilPrinted(
  { cloud }: Pick<ImageLab, 'cloud'>,
  vm: CloudVm,
  text: string,
): Promise<string> {
  const giveUpMs = performance.now() + bootMs
  for (;;) {
    const printed = (await cloud.compute.consoleOutput(vm)) ?? ''
    if (printed.includes(text)) return printed
    if (performance.now() > giveUpMs) throw new Error(`the console never said ${text}:\n${printed}`)
    await delay(200)
  }
}
