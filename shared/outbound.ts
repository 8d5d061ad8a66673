import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns'
import { Agent, errors, request } from 'undici'
import { assertPublicUrl, OutboundError, refused } from '#shared/public-url.ts'
import { isSpecialAddress } from '#shared/special-addresses.ts'

export interface OutboundOptions {
  /** Also http, loopback and private addresses (ALLOW_PRIVATE_NETWORKS). */
  allowPrivate: boolean
  /** Resolves names; the system's resolver unless a test has its own. */
  lookup?: (host: string, options: LookupOptions & { all: true }, done: LookupDone) => void
}

type LookupDone = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void

export interface OutboundPost {
  url: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal
  /** For the whole exchange: name, connection, request and answer. */
  timeoutMs: number
}

export interface OutboundReply {
  status: number
  headers: Readonly<Record<string, string | string[] | undefined>>
}

/** HTTP to addresses that users chose. */
export interface Outbound {
  /**
   * Sends one POST. Follows no redirect. The answer's body is thrown away, and never more than 64 KiB of it are read.
   * @throws OutboundError `address_refused`, `unreachable`, `tls` or `timeout`; the signal's reason when it aborts.
   */
  post(message: OutboundPost): Promise<OutboundReply>
  close(): Promise<void>
}

/**
 * Guards against being used to reach what only this machine can reach (SSRF): https only, and a connection is made only to an address that has
 * itself been checked, so that a name which resolves to something else the next time gains nothing.
 */
export function createOutbound({ allowPrivate, lookup = resolve }: OutboundOptions): Outbound {
  const agent = new Agent({
    // Node resolves no literal address: those are the business of `assertPublicUrl`, names are that of the look-up.
    connect: allowPrivate ? {} : { lookup: guardedLookup(lookup) },
    connections: 20,
    keepAliveTimeout: 10_000,
    maxResponseSize: -1,
  })
  return {
    async post({ url, headers, body, signal, timeoutMs }) {
      const target = assertPublicUrl(url, allowPrivate)
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      try {
        const reply = await request(target, {
          method: 'POST',
          headers,
          body,
          dispatcher: agent,
          signal: limit,
        })
        // What counts is the status; a body that stalls or never ends must not turn a success into a failure.
        await reply.body.dump({ limit: maxBodyBytes, signal: limit }).catch(() => reply.body.destroy())
        return { status: reply.statusCode, headers: reply.headers }
      } catch (error) {
        signal.throwIfAborted()
        throw toOutboundError(error, timeoutMs)
      }
    },
    close: () => agent.destroy(),
  }
}

const maxBodyBytes = 64 * 1024

/** Refuses a name if any of its addresses is special; else the socket connects to one of those that were checked. */
function guardedLookup(lookup: NonNullable<OutboundOptions['lookup']>) {
  return (
    host: string,
    options: LookupOptions,
    done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ) =>
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, [])
      if (addresses.length === 0 || addresses.some(({ address }) => isSpecialAddress(address)))
        return done(specialAddress(host), [])
      const [first] = addresses
      if (options.all || !first) return done(null, addresses)
      done(null, first.address, first.family)
    })
}

const specialAddress = (host: string): OutboundError =>
  refused(
    `The address is refused: ${host} is or resolves to a loopback, private or otherwise special address.`,
  )

function toOutboundError(error: unknown, timeoutMs: number): OutboundError {
  if (error instanceof OutboundError) return error
  const { name, code = '' } = error as { name?: string; code?: string }
  if (name === 'TimeoutError' || error instanceof errors.ConnectTimeoutError)
    return new OutboundError(`The endpoint did not answer within ${timeoutMs / 1000} s.`, {
      code: 'timeout',
      kind: 'retryable',
    })
  if (/^(CERT_|ERR_TLS|ERR_SSL|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO)/.test(code))
    return new OutboundError(`The endpoint's TLS certificate or handshake is not acceptable (${code}).`, {
      code: 'tls',
      kind: 'retryable',
      remedy: 'Install a certificate of a public authority for the name in the URL.',
    })
  return new OutboundError(
    `The endpoint could not be reached or cut the connection (${code || name || 'unknown'}).`,
    {
      code: 'unreachable',
      kind: 'retryable',
    },
  )
}
