import type { HostContext } from '#shared/clouds/onprem/host.ts'
import type { HostSettings } from '#shared/clouds/onprem/settings.ts'
import { openSsh, type SshCredentials, type SshTarget } from './ssh.ts'
import { openVirsh, type Virsh } from './virsh.ts'

export interface LibvirtContext extends HostContext {
  /** For `qemu+ssh://`. */
  ssh?: SshCredentials
}

/** One libvirt daemon, and what this driver's parts need of the host's registration. */
export interface LibvirtHost extends Pick<
  LibvirtContext,
  'name' | 'gate' | 'passphrase' | 'shutdownGraceMs'
> {
  /** Names of storage pools of type dir; undefined: all that are started. */
  pools: readonly string[] | undefined
  /** Bridges that machines may join. */
  bridges: readonly string[]
  /** The daemon manages the whole machine (`/system`), not only what a user may (`/session`). */
  privileged: boolean
  /** As virsh is given it; for who connects from here. */
  uri(): string
  /** Shared by all calls. */
  virsh: Virsh
  /** Opens a connection that nobody else uses: libvirt ends what was started with it when it closes. */
  connect(): Virsh
  /** Undefined: the daemon is on this machine. */
  ssh?: SshTarget
  /** Ends connections and removes what they needed; guests go on. */
  close(): void
}

/** Connects when first asked something. */
export function openConnection(settings: HostSettings, context: LibvirtContext): LibvirtHost {
  // Checked by parseOnPremSettings: hosts of this driver have one.
  const uri = settings.uri ?? 'qemu:///system'
  const ssh = openSsh(uri, context.ssh ?? {})
  const connect = (sessions?: number) =>
    openVirsh({ uri: ssh ? ssh.uri : uri, ...(sessions === undefined ? {} : { sessions }) })
  const virsh = connect()
  return {
    name: context.name,
    gate: context.gate,
    passphrase: context.passphrase,
    shutdownGraceMs: context.shutdownGraceMs,
    pools: settings.pools?.map(({ name }) => name),
    bridges: settings.bridges,
    privileged: /\/system(\?|$)/.test(uri),
    uri: () => (ssh ? ssh.uri() : uri),
    virsh,
    connect: () => connect(1),
    ...(ssh ? { ssh } : {}),
    close() {
      virsh.close()
      ssh?.close()
    },
  }
}
