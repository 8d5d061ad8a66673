import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostRecords } from '#shared/clouds/onprem/host.ts'
import { createQemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { createRecords } from '#shared/clouds/onprem/qemu/records.ts'
import { beforeCall } from '#shared/clouds/scope.ts'
import { parseOnPremSettings, type OnPremSettings } from '#shared/clouds/onprem/settings.ts'

/** A host's records in a folder of the test's own; they need no hypervisor. Each call of `open` is another process's view of them. */
export async function labRecords(): Promise<{
  settings: OnPremSettings
  open: () => HostRecords
  close: () => Promise<void>
}> {
  const folder = await mkdtemp(join(tmpdir(), 'nc-records-'))
  await chmod(folder, 0o711)
  const settings = parseOnPremSettings({
    providerId: 'home',
    type: 'on-premise',
    credentials: {},
    regions: ['lab'],
    defaultRegion: 'lab',
    endpoints: {},
    options: { driver: 'qemu', hosts: [{ name: 'alpha', location: 'lab', folder }] },
    workerId: 'test',
  })
  const [host] = settings.options.hosts
  if (!host) throw new Error('there is a host')
  return {
    settings,
    open: () =>
      createRecords(
        createQemuHost(host, {
          name: host.name,
          async gate(_, send) {
            beforeCall()
            return send(new AbortController().signal)
          },
          passphrase: () => '',
          shutdownGraceMs: 0,
          requestTimeoutMs: 5_000,
        }),
      ),
    close: () => rm(folder, { recursive: true, force: true }),
  }
}
