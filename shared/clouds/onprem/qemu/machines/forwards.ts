import { isIPv4 } from 'node:net'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { Forward, MachineNic } from '#shared/clouds/onprem/host.ts'
import type { Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'

/**
 * Makes the forwards of a running machine exactly these: first what is missing, then what is too much. QEMU offers this only to people
 * (`hostfwd_add`, `info usernet`), by words.
 * @throws HostError `GenericError` with QEMU's words, e.g. for a port that is taken.
 */
export async function applyForwards(
  monitor: Pick<Monitor, 'execute'>,
  nic: MachineNic | undefined,
): Promise<void> {
  if (nic?.kind !== 'user') return
  const wanted = new Set(nic.forwards.map((forward) => hostSide(checkedForward(forward))))
  const present = listedForwards(await byHand(monitor, 'info usernet'))
  const seen = new Set(present.map(({ host, guestPort }) => `${host} ${guestPort}`))
  const stale = present.filter(
    ({ host, guestPort }) =>
      !nic.forwards.some((one) => hostSide(one) === host && one.guestPort === guestPort),
  )
  // A port that leads elsewhere now must be let go of first.
  for (const { host } of stale.filter((one) => wanted.has(one.host))) await remove(monitor, host)
  for (const forward of nic.forwards)
    if (!seen.has(`${hostSide(forward)} ${forward.guestPort}`)) await add(monitor, forward, nic.address)
  for (const { host } of stale.filter((one) => !wanted.has(one.host))) await remove(monitor, host)
}

/** @throws HostError `invalid_request`, or `unsupported` for IPv6, which QEMU's user-mode network does not forward. */
export function checkedForward(forward: Forward): Forward {
  const { hostAddress, hostPort, guestPort, protocol } = forward
  if (!isIPv4(hostAddress))
    throw new HostError('unsupported', `forwards: ${JSON.stringify(hostAddress)} is no IPv4 address`)
  for (const port of [hostPort, guestPort])
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new HostError('invalid_request', `forwards: ${port} is no port`)
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw new HostError('invalid_request', `forwards: ${JSON.stringify(protocol)} is neither tcp nor udp`)
  return forward
}

interface Listed {
  /** As `hostfwd_remove` takes it: `tcp:127.0.0.1:8080`. */
  host: string
  guestPort: number
}

/** Lines such as `  TCP[HOST_FORWARD]  12       127.0.0.1  8080       10.0.2.15    22     0     0`; `*` is any address. */
export function listedForwards(text: string): Listed[] {
  const found: Listed[] = []
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+(\S+)\s+(\d+)\s+\S+\s+(\d+)/.exec(line)
    const [, protocol = '', address = '', hostPort = '', guestPort = ''] = match ?? []
    if (match)
      found.push({
        host: `${protocol.toLowerCase()}:${address === '*' ? '0.0.0.0' : address}:${hostPort}`,
        guestPort: Number(guestPort),
      })
  }
  return found
}

const hostSide = ({ protocol, hostAddress, hostPort }: Forward): string =>
  `${protocol}:${hostAddress}:${hostPort}`

const add = (monitor: Pick<Monitor, 'execute'>, forward: Forward, address = ''): Promise<void> =>
  mustBeSilent(monitor, `hostfwd_add net0 ${hostSide(forward)}-${address}:${forward.guestPort}`)

const remove = async (monitor: Pick<Monitor, 'execute'>, host: string): Promise<void> => {
  await byHand(monitor, `hostfwd_remove net0 ${host}`)
}

async function mustBeSilent(monitor: Pick<Monitor, 'execute'>, line: string): Promise<void> {
  const said = (await byHand(monitor, line)).trim()
  if (said !== '') throw new HostError('GenericError', said)
}

const byHand = (monitor: Pick<Monitor, 'execute'>, line: string): Promise<string> =>
  monitor.execute<string>('human-monitor-command', { 'command-line': line })
