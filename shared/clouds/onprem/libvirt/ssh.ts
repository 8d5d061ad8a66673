import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'

/** How `ssh` reaches a host: `ssh -F <config> -p <port> -- <destination>`. */
export interface SshTarget {
  /** `user@host` or `host`; begins with no dash. */
  destination: string
  port?: string
  /** Path of the configuration with key and known hosts; made when first asked for. @throws HostError `ssh_credentials` */
  config(): string
}

export interface SshCredentials {
  privateKey?: string
  knownHosts?: string
}

export interface SshAccess extends SshTarget {
  /** URI for virsh, which then runs ssh with our configuration. @throws HostError `ssh_credentials` */
  uri(): string
  close(): void
}

/**
 * Gives virsh and ssh the registration's key and known hosts, and nothing of this machine's user: no agent, no keys, no known hosts, no
 * configuration. They lie in a folder that only this user can open, deleted at `close` and when the process exits.
 * @param uri as `parseOnPremSettings` lets through. @returns undefined for URIs that go to this machine.
 */
export function openSsh(uri: string, credentials: SshCredentials): SshAccess | undefined {
  const [, destination, port, path] = /^qemu\+ssh:\/\/([^/:?]+)(?::(\d+))?\/(system|session)$/.exec(uri) ?? []
  if (destination === undefined || path === undefined) return undefined
  let folder: string | undefined
  const prepare = () => (folder ??= layOut(credentials))
  return {
    destination,
    ...(port === undefined ? {} : { port }),
    config: () => join(prepare(), 'config'),
    uri: () => `${uri}?no_tty=1&command=${encodeURIComponent(join(prepare(), 'ssh'))}`,
    close() {
      if (folder !== undefined) remove(folder)
      folder = undefined
    },
  }
}

function layOut({ privateKey, knownHosts }: SshCredentials): string {
  if (privateKey === undefined || knownHosts === undefined)
    throw new HostError(
      'ssh_credentials',
      `the registration has no credentials.${privateKey === undefined ? 'ssh_private_key' : 'ssh_known_hosts'}`,
    )
  const folder = mkdtempSync(join(tmpdir(), 'novacron-ssh-'))
  if (folders.size === 0) process.on('exit', removeAll)
  folders.add(folder)
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 })
  write('key', `${privateKey.trimEnd()}\n`)
  write('known_hosts', `${knownHosts.trimEnd()}\n`)
  write('config', configuration(folder))
  // virsh takes the name of a program but no options for it.
  write('ssh', `#!/bin/sh\nexec ssh -F '${folder}/config' "$@"\n`)
  chmodSync(join(folder, 'ssh'), 0o700)
  return folder
}

/** https://man.openbsd.org/ssh_config */
const configuration = (folder: string): string =>
  [
    'Host *',
    `IdentityFile "${folder}/key"`,
    'IdentitiesOnly yes',
    'IdentityAgent none',
    `UserKnownHostsFile "${folder}/known_hosts"`,
    'GlobalKnownHostsFile /dev/null',
    'StrictHostKeyChecking yes',
    'UpdateHostKeys no',
    'BatchMode yes',
    'ConnectTimeout 10',
    'ServerAliveInterval 5',
    'ServerAliveCountMax 3',
    'ForwardAgent no',
    'ForwardX11 no',
    'PermitLocalCommand no',
    'LogLevel ERROR',
    '',
  ].join('\n')

const folders = new Set<string>()

function remove(folder: string): void {
  folders.delete(folder)
  rmSync(folder, { recursive: true, force: true })
}

function removeAll(): void {
  for (const folder of folders) remove(folder)
}
