import { spawnSync } from 'node:child_process'
import {
  accessSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

export type Accelerator = 'kvm' | 'tcg'

/** A QEMU that was seen to run a guest. */
export interface Hypervisor {
  /** Path of qemu-system-x86_64. */
  qemu: string
  accel: Accelerator
  /** Arguments for every machine: accelerator, sandbox, no devices but those asked for. */
  arguments: string[]
  /** Who it runs as, for `spawn`: nobody, when this process is root. */
  identity: { uid?: number; gid?: number }
}

/** Why there is none, and what to do. */
export interface NoHypervisor {
  reason: string
}

/**
 * Finds QEMU on `path` and boots a boot sector in it, in the best way first. `/dev/kvm` opening proves nothing (a nested KVM
 * may take minutes for the BIOS alone), so KVM must both have the processor's support and run the guest within a second.
 * Blocks for about 0.2 s the first time; the answer is kept for this process.
 */
export function findHypervisor(path: string = process.env['PATH'] ?? ''): Hypervisor | NoHypervisor {
  const known = found.get(path)
  if (known) return known
  const answer = probe(path)
  found.set(path, answer)
  return answer
}

/** A raw disk that was passed as a file descriptor. QEMU opens writable disks read-only at first, unless told not to. */
export const driveOf = (fdSet: number) => `file=/dev/fdset/${fdSet},auto-read-only=off,format=raw,if=virtio`

const found = new Map<string, Hypervisor | NoHypervisor>()

const bare = [
  '-machine',
  'pc',
  '-nodefaults',
  '-no-user-config',
  '-display',
  'none',
  '-nic',
  'none',
  '-monitor',
  'none',
]
const sandbox = ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny']

function probe(path: string): Hypervisor | NoHypervisor {
  const qemu = onPath('qemu-system-x86_64', path)
  if (qemu === undefined) {
    return {
      reason: 'qemu-system-x86_64 is not on PATH, so nothing boots; `npm run setup -- --system` installs it',
    }
  }
  const ways: { accel: Accelerator; extra: string[]; limitMs: number }[] = [
    { accel: 'tcg', extra: sandbox, limitMs: 5000 },
    { accel: 'tcg', extra: [], limitMs: 5000 },
  ]
  if (hasHardwareSupport()) ways.unshift({ accel: 'kvm', extra: sandbox, limitMs: 1000 })

  let complaint = ''
  for (const { accel, extra, limitMs } of ways) {
    const candidate: Hypervisor = {
      qemu,
      accel,
      arguments: ['-accel', accel, ...bare, ...extra],
      identity: identityFor(accel),
    }
    complaint = smokeBoot(candidate, limitMs)
    if (complaint === '') return candidate
  }
  return {
    reason: `${qemu} cannot run a guest here (${complaint}); \`npm run setup -- --system\` installs one that does`,
  }
}

function onPath(name: string, path: string): string | undefined {
  for (const dir of path.split(delimiter)) {
    const file = join(dir || '.', name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      continue
    }
  }
  return undefined
}

function hasHardwareSupport(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
    return /\b(vmx|svm)\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))
  } catch {
    return false
  }
}

function identityFor(accel: Accelerator): Hypervisor['identity'] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return {}
  const nobody = 65534
  return { uid: nobody, gid: accel === 'kvm' ? statSync('/dev/kvm').gid : nobody }
}

/**
 * The smallest guest: writes `K` to COM1, then 0x10 to the debug-exit port, which ends QEMU with status 2 * 0x10 + 1.
 * mov dx,3f8h; mov al,'K'; out dx,al; mov dx,0f4h; mov al,10h; out dx,al; hlt; jmp to the hlt
 */
const smokeCode = Buffer.from('baf803b04beebaf400b010eef4ebfd', 'hex')
const smokeStatus = 33

/** Boots the smallest guest; what went wrong, or ''. */
function smokeBoot({ qemu, arguments: common, identity }: Hypervisor, limitMs: number): string {
  const dir = mkdtempSync(join(tmpdir(), 'novacron-qemu-'))
  const file = join(dir, 'smoke.raw')
  // The BIOS boots no disk smaller than one cylinder (504 KiB).
  const image = Buffer.alloc(1024 * 1024)
  smokeCode.copy(image)
  image.writeUInt16BE(0x55aa, 510)
  writeFileSync(file, image)
  const disk = openSync(file, 'r+')
  try {
    const { status, stdout, stderr, error } = spawnSync(
      qemu,
      common.concat(
        ['-m', '16', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-serial', 'stdio'],
        ['-add-fd', 'fd=3,set=1', '-drive', driveOf(1)],
      ),
      {
        ...identity,
        cwd: '/',
        stdio: ['ignore', 'pipe', 'pipe', disk],
        timeout: limitMs,
        killSignal: 'SIGKILL',
        encoding: 'latin1',
      },
    )
    if (status === smokeStatus && stdout.includes('K')) return ''
    return error ? error.message : stderr.trim() || `status ${status} without a sign of the guest`
  } finally {
    closeSync(disk)
    rmSync(dir, { recursive: true, force: true })
  }
}
