import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCloud } from '#shared/clouds/registry.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'

/** Two hypervisor hosts on this machine, with the fields of a registration. */
export type Home = Pick<StartedCloud, 'credentials' | 'endpoints' | 'options' | 'regions'> & {
  close(): Promise<void>
}

/** Hosts of the qemu driver, each in a folder of its own; nothing runs yet. */
export async function openHome(): Promise<Home | { reason: string }> {
  const hypervisor = await findHypervisor()
  if ('reason' in hypervisor) return { reason: hypervisor.reason }
  const dir = await mkdtemp(join(tmpdir(), 'novacron-home-'))
  // Guests run as another user when this process is root, and have to get to their disks.
  await chmod(dir, 0o711)
  const registration = {
    credentials: { volume_key: randomBytes(32).toString('base64') },
    endpoints: {},
    regions: ['basement'],
    options: {
      driver: 'qemu',
      hosts: ['rack-1', 'rack-2'].map((name) => ({ name, location: 'basement', folder: join(dir, name) })),
      shutdown_grace_ms: 2000,
    },
  }
  return {
    ...registration,
    async close() {
      await clear(registration)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Guests outlive the workers that started them; the demo's end with it. */
async function clear(registration: Omit<Home, 'close'>): Promise<void> {
  const cloud = await openCloud({
    providerId: 'home',
    type: 'on-premise',
    ...registration,
    defaultRegion: registration.regions[0],
    workerId: 'demo',
  })
  try {
    for await (const vm of cloud.compute.list({})) await cloud.compute.delete(vm)
  } finally {
    cloud.close()
  }
}
