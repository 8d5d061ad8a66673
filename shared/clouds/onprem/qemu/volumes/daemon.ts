import { rm } from 'node:fs/promises'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { blockNodes } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { newSocket, waitForListener } from '#shared/clouds/onprem/qemu/volumes/sockets.ts'
import { startTied, type TiedProcess } from '#shared/clouds/onprem/qemu/volumes/tied.ts'

/** A storage daemon that has one volume open. It ends with this process. */
export interface Daemon {
  /** Where it listens. */
  socket: string
  /** Closes the volume in order: its tables and the marks on it are written. May be called again. */
  end(): Promise<void>
}

/** The volume's node in a daemon, and its export. */
export const daemonNode = 'volume'

/**
 * Starts one. (Not `qemu-nbd`, which listens before it has opened the volume and forgets a SIGTERM that comes meanwhile.)
 * @throws CloudError `conflict` (retryable) if somebody else has the volume open.
 */
export async function startDaemon(
  host: QemuHost,
  volume: VolumeRef,
  { readOnly, serves }: { readOnly: boolean; serves: 'monitor' | 'nbd' },
): Promise<Daemon> {
  await host.ready()
  const { name: resource } = volume
  const { nodes, secrets } = await blockNodes(host, volume, { node: daemonNode, readOnly })
  const socket = await newSocket(host)
  // Known as soon as it runs, also if the call that started it is given up.
  let server: TiedProcess | undefined
  const end = async () => {
    if (server) await endServer(server)
    await rm(socket, { force: true })
  }
  try {
    await host.gate({ operation: 'qemu-storage-daemon', mutating: !readOnly, resource }, async (signal) => {
      server = await startTied(host, {
        program: 'qemu-storage-daemon',
        secrets,
        args: [
          ...nodes.map((node) => `--blockdev=${JSON.stringify(node)}`),
          ...(serves === 'nbd' ? nbdArguments(socket, readOnly) : monitorArguments(socket)),
        ],
      })
      await waitForListener(socket, { program: 'qemu-storage-daemon', server, signal })
    })
    return { socket, end }
  } catch (error) {
    await end()
    throw error
  }
}

const monitorArguments = (socket: string): string[] => [
  `--chardev=socket,id=monitor,path=${socket},server=on,wait=off`,
  '--monitor=chardev=monitor',
]

/** The allocation depth tells what each file of a chain holds. */
const nbdArguments = (socket: string, readOnly: boolean): string[] => [
  `--nbd-server=addr.type=unix,addr.path=${socket},max-connections=4`,
  `--export=${JSON.stringify({
    type: 'nbd',
    id: 'export',
    'node-name': daemonNode,
    name: daemonNode,
    writable: !readOnly,
    'allocation-depth': readOnly,
  })}`,
]

async function endServer(server: TiedProcess): Promise<void> {
  if (server.isRunning()) server.kill('SIGTERM')
  const force = setTimeout(() => server.kill('SIGKILL'), patienceMs)
  await server.ended
  clearTimeout(force)
}

/** It may have much to write. */
const patienceMs = 60_000
