import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram } from './find.ts'

/** An ssh server of a test's own, on loopback, that lets this process's user in with one key. */
export interface Sshd {
  user: string
  port: number
  /** In OpenSSH's format, as the registration's `ssh_private_key`. */
  privateKey: string
  knownHosts: string
  /** Cuts all connections. */
  cut(): void
  close(): Promise<void>
}

/** @returns why tests that need an ssh server are skipped. */
export function sshdMissing(): string | undefined {
  if (!['ssh', 'sshd', 'ssh-keygen'].every(findProgram))
    return 'ssh, sshd and ssh-keygen are not all on PATH; install openssh-server'
  if (needsFolder() && !findProgram('unshare')) return 'root can run sshd only where /run/sshd is, or unshare'
  return undefined
}

/** @param command path of a program that is run in place of what a client asks for, which is in `SSH_ORIGINAL_COMMAND`. */
export async function startSshd({ command: forced }: { command?: string } = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'nc-sshd-'))
  const keyOf = (name: string) => {
    const file = join(folder, name)
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
    return { privateKey: readFileSync(file, 'utf8'), publicKey: readFileSync(`${file}.pub`, 'utf8').trim() }
  }
  const [host, user] = [keyOf('host'), keyOf('user')]
  writeFileSync(join(folder, 'authorized_keys'), `${user.publicKey}\n`, { mode: 0o600 })
  const port = await freePort()
  writeFileSync(
    join(folder, 'sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/authorized_keys`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      ...(forced === undefined ? [] : [`ForceCommand ${forced}`]),
      '',
    ].join('\n'),
  )
  const program = findProgram('sshd') ?? 'sshd'
  const words = [program, '-D', '-e', '-f', join(folder, 'sshd_config')]
  const [command = program, ...options] = needsFolder() ? [...withFolder, ...words] : words
  const child = spawn(command, options, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const close = async () => {
    const connections = descendantsOf(child.pid ?? 0)
    child.kill()
    await ended
    for (const pid of connections) kill(pid)
    rmSync(folder, { recursive: true, force: true })
  }
  for (let attempt = 0; !(await listens(port)); attempt++) {
    if (attempt === 100 || child.exitCode !== null) {
      await close()
      throw new Error(`sshd does not listen on port ${port}`)
    }
    await sleep(50)
  }
  return {
    user: userInfo().username,
    port,
    privateKey: user.privateKey,
    knownHosts: `[127.0.0.1]:${port} ${host.publicKey}\n`,
    cut: () => {
      for (const pid of descendantsOf(child.pid ?? 0)) kill(pid)
    },
    close,
  }
}

/** As root it drops its rights into a folder that its package makes at boot. */
const needsFolder = () => process.getuid?.() === 0 && !existsSync('/run/sshd')

/** A `/run` that only it sees. */
const withFolder = [
  'unshare',
  '--mount',
  '--propagation',
  'private',
  'sh',
  '-c',
  'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$0" "$@"',
]

/** sshd takes no port 0. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Each connection has processes of its own, which outlive the server. */
function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid)
  return [...children, ...children.flatMap(descendantsOf)]
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
