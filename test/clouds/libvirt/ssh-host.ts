import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LibvirtDaemon } from './daemon.ts'
import { startSshd, type Sshd } from './sshd.ts'

/** An ssh server behind which a private libvirt daemon is what a user's own daemon is elsewhere: `/session`. */
export interface SshHost {
  uri: string
  sshd: Sshd
  close(): Promise<void>
}

export async function startSshHost({ environment, user }: LibvirtDaemon): Promise<SshHost> {
  const folder = mkdtempSync(join(tmpdir(), 'nc-ssh-host-'))
  const command = join(folder, 'as-user.sh')
  // Whoever signs in becomes the daemon's user, in its environment.
  const become = user ? `setpriv --reuid=${user.uid} --regid=${user.gid} --clear-groups ` : ''
  const settings = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'\n`)
  writeFileSync(command, `#!/bin/sh\n${settings.join('')}exec ${become}sh -c "$SSH_ORIGINAL_COMMAND"\n`)
  chmodSync(folder, 0o711)
  chmodSync(command, 0o755)
  const sshd = await startSshd({ command })
  return {
    uri: `qemu+ssh://${sshd.user}@127.0.0.1:${sshd.port}/session`,
    sshd,
    async close() {
      await sshd.close()
      rmSync(folder, { recursive: true })
    },
  }
}
