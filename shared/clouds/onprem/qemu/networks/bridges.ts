import { access } from 'node:fs/promises'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'

/** Bridges of the settings that this machine has; only root can join a guest to one. */
export async function presentBridges({ settings }: Pick<QemuHost, 'settings'>): Promise<string[]> {
  if (process.getuid?.() !== 0) return []
  const present: string[] = []
  for (const name of settings.bridges) if (await isBridge(name)) present.push(name)
  return present
}

const isBridge = (name: string): Promise<boolean> =>
  access(`/sys/class/net/${name}/bridge`).then(
    () => true,
    () => false,
  )
