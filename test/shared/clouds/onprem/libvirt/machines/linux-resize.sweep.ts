import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { seedImage } from '#shared/clouds/onprem/cloud-init/seed.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { findLinuxExtras, findLinuxParts } from '#test/clouds/guest/linux-parts.ts'
import { buildLinuxDisk } from '#test/clouds/guest/linux.ts'
import { lastTold, telling } from '#test/clouds/guest/telling.ts'
import { findLibvirt, startLibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { openTestHost, specFor } from '#test/clouds/libvirt/host.ts'

const bootMs = 240_000

test(
  'under libvirt a Linux that runs has the vCPUs and the memory that it is given, and gives memory back',
  { timeout: 2 * bootMs },
  async (context: TestContext) => {
    const libvirt = findLibvirt()
    if ('reason' in libvirt) context.skip(libvirt.reason)
    const parts = findLinuxParts()
    const extras = findLinuxExtras()
    if ('reason' in parts) context.skip(parts.reason)
    if ('reason' in extras) context.skip(extras.reason)
    const daemon = await startLibvirtDaemon()
    const host = openTestHost(daemon)
    const { machines, volumes } = host
    try {
      const path = join(await temporaryDir(), 'linux.raw')
      await buildLinuxDisk({ path, unique: 'linux-1', parts, extras })
      const volume = { pool: 'default', name: 'linux.raw', format: 'raw' } as const
      await volumes.writeFile(volume, await readFile(path))
      await rm(path)
      const seed = { ...volume, name: 'seed.raw' }
      const userData = `#!/bin/busybox sh\n${telling}\n`
      await volumes.writeFile(
        seed,
        seedImage({ instanceId: 'one', hostname: 'one', publicKeys: [], userData }),
      )
      const spec = specFor(volume, { seed, memoryMib: 512, maxMemoryMib: 1024, maxVcpus: 4 })
      const { id } = spec
      await machines.define(spec)
      await machines.start(id)
      const until = (cpus: string, fromMib: number, toMib: number) =>
        expect
          .poll(
            async () => {
              const told = lastTold((await machines.console(id)) ?? '')
              const has = told?.memoryMib ?? 0
              return { cpus: told?.cpus, has, isSo: has >= fromMib && has <= toMib }
            },
            { timeout: bootMs, interval: 500 },
          )
          .toMatchObject({ cpus, isSo: true })
      await until('0', 400, 512)
      const before = lastTold((await machines.console(id)) ?? '')?.memoryMib ?? 0

      expect(await machines.resize(id, { vcpus: 3, memoryMib: 1024 })).toBe(true)
      await until('0-2', before + 500, before + 512)
      expect(await machines.resize(id, { vcpus: 3, memoryMib: 768 })).toBe(true)
      await until('0-2', before + 244, before + 256)
      expect(await machines.resize(id, { vcpus: 2, memoryMib: 768 })).toBe(false)
      expect(await machines.spec(id)).toMatchObject({ vcpus: 3, memoryMib: 768 })
      await machines.undefine(id)
    } finally {
      host.close()
      await daemon.close()
    }
  },
)
