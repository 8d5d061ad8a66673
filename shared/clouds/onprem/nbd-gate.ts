import { HostError, type HostGate } from '#shared/clouds/onprem/gate.ts'
import { DiskError } from '#shared/disks/errors.ts'
import type { NbdGate } from '#shared/disks/nbd/gate.ts'

/** Leads what is asked of an NBD server of a host through the host's gate, so that its errors are CloudErrors and count for its health. */
export const nbdGateOf =
  (gate: HostGate, resource: string): NbdGate =>
  (call, send) =>
    gate({ ...call, resource }, async (signal) => {
      try {
        return await send(signal)
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        throw new HostError(vendorCodes[error.code] ?? error.code, error.message, error)
      }
    })

const vendorCodes: Readonly<Record<string, string>> = {
  no_space: 'ENOSPC',
  forbidden: 'EPERM',
  io: 'EIO',
  out_of_bounds: 'invalid_request',
  // A new connection may be to a server that is well.
  protocol: 'connection_lost',
}
