import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, statSync } from 'node:fs'
import { access, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { RunAs } from '#shared/clouds/onprem/qemu/layout.ts'
import { sandbox } from '#shared/clouds/onprem/qemu/process.ts'

export type Accelerator = 'kvm' | 'tcg'

/** How a QEMU was seen to run a guest. */
export interface Acceleration {
  kind: Accelerator
  /** Why this one, in words for people. */
  reason: string
  /** Whether it runs under its own seccomp filter; some are built without. */
  sandboxed: boolean
  /** Arguments for every machine: accelerator and sandbox. */
  arguments: string[]
  /** Who it was run as: with KVM, in the group of `/dev/kvm`. */
  runAs: RunAs | undefined
}

/**
 * Boots a boot sector in the best way first. `/dev/kvm` opening proves nothing (a nested KVM may take minutes for the BIOS alone), so KVM must
 * both have the processor's support and run the guest within a second. Never `accel=kvm:tcg`: QEMU falls back only when KVM cannot be opened,
 * not when the guest hangs. Takes about 0.2 s.
 * @throws HostError `hypervisor_missing` if no guest runs at all.
 */
export async function probeAcceleration(qemu: string, runAs: RunAs | undefined): Promise<Acceleration> {
  const ways: { kind: Accelerator; sandboxed: boolean; limitMs: number }[] = [
    { kind: 'tcg', sandboxed: true, limitMs: 5000 },
    { kind: 'tcg', sandboxed: false, limitMs: 5000 },
  ]
  let whyNotKvm = await hardwareMissing()
  if (whyNotKvm === undefined) ways.unshift({ kind: 'kvm', sandboxed: true, limitMs: 1000 })

  let complaint = ''
  for (const { kind, sandboxed, limitMs } of ways) {
    const candidate: Acceleration = {
      kind,
      sandboxed,
      reason: kind === 'kvm' ? 'a guest booted under KVM' : `emulation, because ${whyNotKvm}`,
      arguments: ['-accel', kind, ...(sandboxed ? sandbox : [])],
      runAs: runAs && kind === 'kvm' ? { ...runAs, gid: statSync('/dev/kvm').gid } : runAs,
    }
    complaint = await smokeBoot(qemu, candidate, limitMs)
    if (complaint === '') return candidate
    if (kind === 'kvm') whyNotKvm = `KVM did not boot a guest within ${limitMs} ms (${complaint})`
  }
  throw new HostError('hypervisor_missing', `${qemu} cannot run a guest here (${complaint})`)
}

/** Of a machine that has no devices but those asked for. */
export const bareMachine: readonly string[] = [
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

/** A raw disk that was passed as a file descriptor. QEMU opens writable disks read-only at first, unless told not to. */
export const driveOf = (fdSet: number): string =>
  `file=/dev/fdset/${fdSet},auto-read-only=off,format=raw,if=virtio`

async function hardwareMissing(): Promise<string | undefined> {
  const cpu = await readFile('/proc/cpuinfo', 'utf8').catch(() => '')
  if (!/\b(vmx|svm)\b/.test(cpu)) return 'the processor offers no hardware virtualisation (vmx or svm)'
  return await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => undefined,
    () => '/dev/kvm cannot be opened',
  )
}

/**
 * The smallest guest: writes `K` to COM1, then 0x10 to the debug-exit port, which ends QEMU with status 2 * 0x10 + 1.
 * mov dx,3f8h; mov al,'K'; out dx,al; mov dx,0f4h; mov al,10h; out dx,al; hlt; jmp to the hlt
 */
const smokeCode = Buffer.from('baf803b04beebaf400b010eef4ebfd', 'hex')
const smokeStatus = 33

/** A raw disk with the smallest guest on it. The BIOS boots no disk smaller than one cylinder (504 KiB). */
export function smokeDisk(): Buffer {
  const image = Buffer.alloc(1024 * 1024)
  smokeCode.copy(image)
  image.writeUInt16BE(0x55aa, 510)
  return image
}

/** Boots the smallest guest; what went wrong, or ''. */
async function smokeBoot(
  qemu: string,
  { arguments: common, runAs }: Acceleration,
  limitMs: number,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'novacron-qemu-'))
  const disk = await open(join(folder, 'smoke.raw'), 'wx+')
  try {
    await disk.write(smokeDisk())
    const args = [...common, ...bareMachine, '-m', '16', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
    args.push('-serial', 'stdio', '-add-fd', 'fd=3,set=1', '-drive', driveOf(1))
    const { code, stdout, stderr } = await run(qemu, args, { runAs, disk: disk.fd, limitMs })
    if (code === smokeStatus && stdout.includes('K')) return ''
    return stderr.trim() || `it ended with ${code ?? 'a signal'} without a sign of the guest`
  } finally {
    await disk.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The disk is handed over open, so that QEMU may run as a user who cannot reach the folder that it lies in. */
async function run(
  qemu: string,
  args: string[],
  { runAs, disk, limitMs }: { runAs: RunAs | undefined; disk: number; limitMs: number },
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(qemu, args, {
    ...runAs,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe', disk],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  })
  const said = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('latin1').on('data', (text: string) => (said.stdout += text))
  child.stderr?.setEncoding('latin1').on('data', (text: string) => (said.stderr += text))
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, ...said }
  } catch (error) {
    return { code: null, stdout: '', stderr: String(error) }
  }
}
