import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { nbdGateOf } from '#shared/clouds/onprem/nbd-gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { chainOf, pathOf } from '#shared/clouds/onprem/qemu/volumes/files.ts'
import { nodeOf } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { newSocket, waitForListener } from '#shared/clouds/onprem/qemu/volumes/sockets.ts'
import { failed, startTied, type TiedProcess } from '#shared/clouds/onprem/qemu/volumes/tied.ts'
import type { Selection } from '#shared/disks/nbd/extents.ts'
import { openNbdSink } from '#shared/disks/nbd/sink.ts'
import { openNbdSource } from '#shared/disks/nbd/source.ts'
import type { DiskSink, DiskSource } from '#shared/disks/port.ts'

/** See HostVolumes.openSource. A `qemu-nbd` of its own serves it, and ends with it. */
export async function openSource(
  host: QemuHost,
  volume: VolumeRef,
  { since }: { since?: VolumeRef } = {},
): Promise<DiskSource> {
  const chain = await chainOf(host, volume)
  const selection: Selection = since ? layersAbove(host, chain, volume, since) : { kind: 'data' }
  return serve(host, { volume, chain, readOnly: true }, (connection) =>
    openNbdSource({ ...connection, selection }),
  )
}

/** See HostVolumes.openSink. */
export async function openSink(host: QemuHost, volume: VolumeRef): Promise<DiskSink> {
  const chain = await chainOf(host, volume)
  return serve(host, { volume, chain, readOnly: false }, openNbdSink)
}

function layersAbove(
  host: QemuHost,
  chain: readonly string[],
  volume: VolumeRef,
  since: VolumeRef,
): Selection {
  const layers = chain.indexOf(pathOf(host, since))
  if (layers > 0) return { kind: 'layers', layers }
  throw new HostError('invalid_request', `since: ${volume.name} does not build on ${since.name}`)
}

interface Connection {
  address: { path: string }
  gate: ReturnType<typeof nbdGateOf>
  release: () => Promise<void>
}

async function serve<T>(
  host: QemuHost,
  served: { volume: VolumeRef; chain: readonly string[]; readOnly: boolean },
  open: (connection: Connection) => Promise<T>,
): Promise<T> {
  await host.ready()
  const resource = served.volume.name
  const path = await newSocket(host)
  // Known as soon as it runs, also if the call that started it is given up.
  let server: TiedProcess | undefined
  const release = async () => server && endServer(server)
  try {
    await host.gate({ operation: 'qemu-nbd', mutating: !served.readOnly, resource }, async (signal) => {
      server = await startServer(host, served, path)
      await waitForListener(path, { program: 'qemu-nbd', server, signal })
    })
    return await open({ address: { path }, gate: nbdGateOf(host.gate, resource), release })
  } catch (error) {
    throw (await whyItEnded(server)) ?? error
  } finally {
    // Whoever is connected stays connected; nobody else is to come.
    await rm(path, { force: true })
  }
}

function startServer(
  host: QemuHost,
  { volume, chain, readOnly }: { volume: VolumeRef; chain: readonly string[]; readOnly: boolean },
  path: string,
): Promise<TiedProcess> {
  const secretId = 'key'
  const { format, keyName } = volume
  const node = nodeOf(chain, { format, readOnly, ...(keyName !== undefined && { secretId }) })
  return startTied(host, {
    program: 'qemu-nbd',
    secrets: keyName === undefined ? [] : [{ id: secretId, keyName }],
    args: [
      ...(readOnly ? ['--read-only', '--allocation-depth'] : ['--discard=unmap']),
      '--cache=writeback',
      `--socket=${path}`,
      `json:${JSON.stringify(node)}`,
    ],
  })
}

/** Ends a server that is of no use. It listens before it opens the volume; that it cannot do that, it says when it ends. */
async function whyItEnded(server: TiedProcess | undefined): Promise<HostError | undefined> {
  if (!server) return undefined
  await Promise.race([server.ended, sleep(lastWordsMs)])
  const isUp = server.isRunning()
  server.kill('SIGTERM')
  const { said } = await server.ended
  return isUp || said === '' ? undefined : failed('qemu-nbd', said)
}

const lastWordsMs = 200

/** Its client has hung up, upon which it ends; how long that takes depends on what it has yet to write. */
async function endServer(server: TiedProcess): Promise<void> {
  const remind = setTimeout(() => server.kill('SIGTERM'), 10_000)
  const force = setTimeout(() => server.kill('SIGKILL'), 60_000)
  await server.ended
  clearTimeout(remind)
  clearTimeout(force)
}
