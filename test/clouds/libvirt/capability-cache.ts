import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { stateFolder } from '#shared/services/state.ts'

// libvirtd asks each QEMU binary what it can do when it first starts (4 to 9 s), and keeps the answers in files that say which binary of which
// time they speak of; it checks that itself. Kept from run to run, so that a private daemon answers in 0.3 s.
const cachePaths = {
  session: 'cache/libvirt/qemu/cache/capabilities',
  system: 'cache/qemu/capabilities',
}
type Mode = keyof typeof cachePaths

const keptFor = (mode: Mode) => join(stateFolder({ STATE_DIR: '.novacron' }, 'test', 'libvirt'), mode)

/** Gives a daemon that is about to start what an earlier one found out. */
export function recallCapabilities(
  folder: string,
  user: { uid: number; gid: number } | undefined,
  mode: Mode = 'session',
): void {
  const kept = keptFor(mode)
  if (!existsSync(kept)) return
  let path = folder
  for (const name of cachePaths[mode].split('/')) {
    path = join(path, name)
    mkdirSync(path, { recursive: true })
    own(path, user)
  }
  for (const name of readdirSync(kept)) {
    cpSync(join(kept, name), join(path, name))
    own(join(path, name), user)
  }
}

/** Keeps what a daemon has found out, whole or not at all. */
export function keepCapabilities(folder: string, mode: Mode = 'session'): void {
  const kept = keptFor(mode)
  const found = join(folder, cachePaths[mode])
  if (!existsSync(found)) return
  const fresh = mkdtempSync(`${kept}-`)
  cpSync(found, fresh, { recursive: true, preserveTimestamps: true })
  rmSync(kept, { recursive: true, force: true })
  try {
    renameSync(fresh, kept)
  } catch {
    // Another run was quicker.
    rmSync(fresh, { recursive: true, force: true })
  }
}

function own(path: string, user: { uid: number; gid: number } | undefined): void {
  if (user) chownSync(path, user.uid, user.gid)
}
