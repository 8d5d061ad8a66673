import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Readable } from 'node:stream'
import { DiskError } from '#shared/disks/errors.ts'
import { refused } from '#shared/disks/image/refuse.ts'
import type { Workspace } from '#shared/disks/image/workspace.ts'

export interface QemuImgRun {
  /** Processor time that it may take, seconds. */
  cpuS: number
  /** Called with what it prints, as it does. */
  onOutput?: (text: string) => void
  /** Exit statuses that are answers; default only 0. */
  statuses?: readonly number[]
  signal?: AbortSignal | undefined
}

/** Is the program that reads and writes image files on this machine? */
export const hasQemuImg = (): boolean => onPath('qemu-img') !== undefined

/** @throws DiskError `unsupported` with the remedy, where it is not. */
export function requireQemuImg(): string {
  const path = onPath('qemu-img')
  if (path !== undefined) return path
  throw new DiskError('Image files cannot be read or written: qemu-img is not on this machine.', {
    code: 'unsupported',
    remedy: 'Install it where the workers run, with: npm run setup -- --system',
  })
}

/**
 * Runs qemu-img on files of the workspace: as an unprivileged user, within limits of memory and processor time (where the machine has
 * `prlimit`), knowing nothing of our environment. On Linux it gets the files open and could open no other one of ours by name.
 * @param argsFor given what to call the files in the order of `files`.
 * @throws DiskError `image_refused` where it cannot make sense of a file or runs out of its limits; `no_space`, `forbidden`
 */
export async function runQemuImg(
  workspace: Workspace,
  files: readonly { name: string; written?: boolean }[],
  argsFor: (...paths: string[]) => readonly string[],
  options: QemuImgRun,
): Promise<{ status: number; stdout: string }> {
  options.signal?.throwIfAborted()
  await using opened = new AsyncDisposableStack()
  const handles: FileHandle[] = []
  for (const { name, written } of files) {
    const handle = written ? await workspace.create(name) : await open(workspace.path(name), readOnly)
    opened.defer(() => handle.close())
    const { runAs } = workspace
    if (runAs) await handle.chown(runAs.uid, runAs.gid)
    handles.push(handle)
  }
  const paths = files.map(({ name }, index) =>
    process.platform === 'linux' ? `/proc/self/fd/${firstFd + index}` : workspace.path(name),
  )
  return await run(workspace, argsFor(...paths), handles, options)
}

const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW
const firstFd = 3

async function run(
  { limits, runAs }: Workspace,
  args: readonly string[],
  handles: readonly FileHandle[],
  { cpuS, onOutput, statuses = [0], signal }: QemuImgRun,
): Promise<{ status: number; stdout: string }> {
  const qemuImg = requireQemuImg()
  const prlimit = onPath('prlimit')
  const bounds = [`--as=${limits.maxMemoryBytes}`, `--cpu=${cpuS}`, '--core=0', '--nofile=256', '--']
  const [program, ...rest] = prlimit ? [prlimit, ...bounds, qemuImg, ...args] : [qemuImg, ...args]
  const child = spawn(program, rest, {
    ...runAs,
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe', ...handles.map(({ fd }) => fd)],
    killSignal: 'SIGKILL',
    ...(signal ? { signal } : {}),
  })
  // Always there: the second and third are pipes.
  const [output, complaints] = [child.stdio[1] as Readable, child.stdio[2] as Readable]
  let [stdout, stderr] = ['', '']
  output.setEncoding('utf8').on('data', (text: string) => {
    onOutput?.(text)
    if (!onOutput && stdout.length < keptCharacters) stdout += text
  })
  complaints.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < keptCharacters) stderr += text
  })
  const end = await new Promise<{ status: number | null; killedBy: NodeJS.Signals | null }>(
    (resolve, reject) => {
      child.once('error', reject)
      child.once('close', (status, killedBy) => resolve({ status, killedBy }))
    },
  ).catch((error: unknown) => {
    signal?.throwIfAborted()
    throw error
  })
  signal?.throwIfAborted()
  if (end.status !== null && statuses.includes(end.status)) return { status: end.status, stdout }
  throw failure(
    end,
    stderr
      .replaceAll(/\/proc\/self\/fd\/\d+/g, 'FILE')
      .trim()
      .split('\n')
      .slice(-4)
      .join('; '),
  )
}

const keptCharacters = 1 << 20

function failure(end: { status: number | null; killedBy: NodeJS.Signals | null }, said: string): DiskError {
  if (end.killedBy === 'SIGXCPU' || end.killedBy === 'SIGKILL')
    return refused('reading it takes more processor time than an image may')
  if (end.killedBy !== null || /allocate memory/i.test(said))
    return refused('reading it takes more memory than an image may')
  if (/No space left|quota exceeded/i.test(said))
    return new DiskError(`qemu-img ran out of space: ${said}`, {
      code: 'no_space',
      remedy: 'Make room in the folder where images are converted.',
    })
  if (/Permission denied/i.test(said))
    return new DiskError(`qemu-img may not use its files: ${said}`, {
      code: 'forbidden',
      remedy: 'Let the user that it runs as walk to the folder where images are converted.',
    })
  return refused(`qemu-img says: ${said || `exit status ${end.status}`}`)
}

function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder || '.', program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
