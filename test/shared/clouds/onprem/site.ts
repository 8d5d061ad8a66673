import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Interceptor } from '#shared/clouds/onprem/gate.ts'
import { openSite, type Site } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'

/** A site of two hosts of the qemu driver in folders of its own, for tests that start no machine; closed and removed behind the test. */
export async function openSiteOfTest({
  hosts = [{}, {}],
  credentials = { volume_key: randomBytes(32).toString('base64') },
  options = {},
  intercept,
}: {
  /** Further fields of each host. */
  hosts?: Record<string, unknown>[]
  credentials?: Record<string, string>
  options?: Record<string, unknown>
  intercept?: Interceptor
} = {}): Promise<Site> {
  const dir = await mkdtemp(join(tmpdir(), 'nc-site-'))
  await chmod(dir, 0o711)
  const names = ['alpha', 'beta', 'gamma']
  const settings = parseOnPremSettings({
    providerId: 'home',
    type: 'on-premise',
    credentials,
    regions: ['lab'],
    defaultRegion: 'lab',
    endpoints: {},
    options: {
      driver: 'qemu',
      hosts: hosts.map((host, nr) => ({
        name: names[nr],
        location: 'lab',
        folder: join(dir, names[nr] ?? ''),
        capacity: { vcpus: 16, memory_mib: 32_768 },
        overcommit: { vcpus: 1 },
        ...host,
      })),
      poll_ms: 5,
      throttle_wait_ms: 100,
      ...options,
    },
    workerId: 'worker-1',
  })
  const site = await openSite(settings, intercept ? { intercept } : {})
  onTestFinished(async () => {
    site.close()
    await rm(dir, { recursive: true, force: true })
  })
  return site
}

export const owner = { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'test' }

/** A VM as it is on record. */
export const vmRecord = (changes: Partial<VmRecord> = {}): VmRecord => ({
  name: 'web',
  tags: owner,
  createdAt: '2026-05-01T00:00:00.000Z',
  instanceType: 'medium',
  vcpus: 2,
  memoryMib: 4096,
  architecture: 'x86_64',
  firmware: 'bios',
  disks: [],
  securityGroups: [],
  phase: 'ready',
  powered: [],
  ...changes,
})
