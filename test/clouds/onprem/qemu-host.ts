import { rm } from 'node:fs/promises'
import { onTestFinished, type TestContext } from 'vitest'
import type { QemuSettings } from '#shared/clouds/onprem/qemu/base.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { hostFolder, openHostAt, type TestHost } from '#test/clouds/onprem/open-host.ts'

/** For tests of what only a real QEMU shows: elsewhere they are skipped, and say how to get it. */
export async function needsQemu(context: TestContext): Promise<void> {
  if (process.platform !== 'linux') context.skip('the qemu driver needs Linux')
  const hypervisor = await findHypervisor()
  if ('reason' in hypervisor) context.skip(hypervisor.reason)
}

/** Everything is gone when the test is over. */
export async function openTestHost(
  changes: Partial<QemuSettings> & { graceMs?: number } = {},
): Promise<TestHost> {
  const folder = await hostFolder()
  const opened = openHostAt(folder, changes)
  onTestFinished(async () => {
    opened.tap.clearFaults()
    for (const { id } of await opened.machines.list()) await opened.machines.undefine(id)
    await rm(folder, { recursive: true, force: true })
  })
  await opened.host.ready()
  return opened
}
