import { DiskError } from '#shared/disks/errors.ts'

/** The connection to an NBD server is gone, or was never made: `connection_lost`, retryable on a new connection. */
export const connectionLost = (server: string, why: string, cause?: unknown): DiskError =>
  new DiskError(`the connection to the NBD server at ${server} is lost: ${why}`, {
    code: 'connection_lost',
    kind: 'retryable',
    remedy: 'it is opened anew; if that does not help, look whether the host is up',
    cause,
  })

/** The server said what the protocol does not allow: `protocol`, retryable on a new connection. */
export const brokenProtocol = (server: string, what: string): DiskError =>
  new DiskError(`the NBD server at ${server} broke the protocol: ${what}`, {
    code: 'protocol',
    kind: 'retryable',
    remedy: 'it is opened anew; if that does not help, look whether that is an NBD server',
  })

/** The server refused to serve: `unsupported` or `not_found`. */
export const refused = (server: string, what: string, code: 'unsupported' | 'not_found'): DiskError =>
  new DiskError(`the NBD server at ${server} refused ${what}`, {
    code,
    remedy: 'check the name of the export and the settings of its server',
  })

/** What a server answered to one request; `number` is one of the errors that the protocol has. */
export function requestFailed(server: string, what: string, number: number, words: string): DiskError {
  const [name, code, retryable] = known[number] ?? [`error ${number}`, 'io', true]
  return new DiskError(`the NBD server at ${server} could not ${what}: ${words || name}`, {
    code,
    kind: retryable ? 'retryable' : 'permanent',
    details: { errno: name },
  })
}

const known: Readonly<Record<number, readonly [name: string, code: string, retryable: boolean]>> = {
  1: ['EPERM', 'forbidden', false],
  5: ['EIO', 'io', true],
  12: ['ENOMEM', 'io', true],
  22: ['EINVAL', 'out_of_bounds', false],
  28: ['ENOSPC', 'no_space', false],
  75: ['EOVERFLOW', 'out_of_bounds', false],
  95: ['ENOTSUP', 'unsupported', false],
  108: ['ESHUTDOWN', 'connection_lost', true],
}
