import { isIP } from 'node:net'
import { NovaError } from '#shared/errors.ts'
import { isSpecialAddress } from '#shared/special-addresses.ts'

/**
 * The error of calls to addresses that users chose. Codes: `address_refused` (permanent), `unreachable`, `timeout` (retryable),
 * `tls` (retryable: certificates get renewed).
 */
export class OutboundError extends NovaError {}

/**
 * What is wrong with an address that this service is told to call, as the end of a sentence; undefined if nothing is. Names are not resolved
 * here: whoever connects checks what they resolve to (outbound.ts).
 * @param allowPrivate also http, loopback and private addresses (development).
 */
export function troubleWithUrl(text: string, allowPrivate: boolean): string | undefined {
  if (!URL.canParse(text)) return 'is not an absolute URL'
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'is not an https URL'
  if (url.username || url.password) return 'has a user name or password in it'
  if (url.hash) return 'has a fragment (#…) in it'
  if (allowPrivate) return undefined
  if (url.protocol !== 'https:') return 'is not an https URL'
  const host = hostOf(url)
  if (isIP(host) ? isSpecialAddress(host) : isLocalName(host))
    return 'points at a loopback, private or otherwise special address'
  return undefined
}

/** @throws OutboundError `address_refused` for what `troubleWithUrl` finds. */
export function assertPublicUrl(text: string, allowPrivate = false): URL {
  const trouble = troubleWithUrl(text, allowPrivate)
  if (trouble === undefined) return new URL(text)
  throw refused(`The address ${trouble}.`)
}

export const refused = (message: string): OutboundError =>
  new OutboundError(message, { code: 'address_refused', remedy: urlRemedy })

export const urlRemedy =
  'Use a public https address; for development, ALLOW_PRIVATE_NETWORKS=true allows others.'

/** The host of a URL as an address or a name: no brackets, no final dot. */
const hostOf = (url: URL): string =>
  url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase()

const isLocalName = (host: string): boolean =>
  !host.includes('.') || /(^|\.)(localhost|local|internal|intranet|home\.arpa|lan)$/.test(host)
