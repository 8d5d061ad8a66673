import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { SshTarget } from '#shared/clouds/onprem/libvirt/ssh.ts'

export interface Tunnel {
  /** Of a unix socket on this machine that leads to the one on the host. */
  path: string
  close(): Promise<void>
}

/**
 * Leads to a unix socket of a host: itself where that is this machine, else through an ssh connection of its own, which ends with this process.
 * @throws HostError `connection_lost` with what ssh said.
 */
export async function openTunnel(
  ssh: SshTarget | undefined,
  remotePath: string,
  signal: AbortSignal,
): Promise<Tunnel> {
  if (!ssh) return { path: remotePath, close: async () => undefined }
  // Beside the key that ssh is given, and so gone with it.
  const path = join(dirname(ssh.config()), `${randomBytes(6).toString('hex')}.sock`)
  // `cat` ends when our end of its input closes, which the system does for us however this process ends; ssh then ends with it.
  const child = spawn(
    'ssh',
    [
      '-F',
      ssh.config(),
      ...(ssh.port === undefined ? [] : ['-p', ssh.port]),
      '-o',
      'ExitOnForwardFailure=yes',
      '-L',
      `${path}:${remotePath}`,
      '--',
      ssh.destination,
      'cat',
    ],
    { stdio: ['pipe', 'ignore', 'pipe'] },
  )
  let words = ''
  child.stderr.on('data', (bytes: Buffer) => {
    words = `${words}${bytes.toString()}`.slice(-2000)
  })
  child.stdin.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      words ||= error.message
      resolve()
    })
    child.once('close', () => resolve())
  })
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  const close = async () => {
    child.kill()
    await ended
    rmSync(path, { force: true })
  }
  while (!existsSync(path)) {
    if (isOver || signal.aborted) {
      await close()
      throw new HostError(
        'connection_lost',
        `ssh to ${ssh.destination}: ${words.trim() || 'ended without a word'}`,
      )
    }
    await sleep(10)
  }
  child.unref()
  return { path, close }
}
