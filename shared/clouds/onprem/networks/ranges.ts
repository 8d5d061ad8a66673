import { contains, isFault, overlaps, parseCidr, type Cidr } from '#shared/cidr.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * Reads the range that a network or subnet is to have.
 * @throws CloudError `invalid_request` unless it is one of IPv4, from /8 to /29 (a router, a name server and a machine need six addresses).
 */
export function rangeFor(operation: string, text: string): Cidr {
  const range = parseCidr(text)
  if (isFault(range)) throw wrong(operation, `"${text}" ${range.reason}`, range.remedy)
  if (range.family === 6 || range.prefix < 8 || range.prefix > 29)
    throw wrong(
      operation,
      `"${text}" is not an IPv4 range of /8 to /29`,
      'Give an IPv4 range such as 10.20.0.0/16.',
    )
  return range
}

/** @throws CloudError `invalid_request` for a subnet that is not within its network, or overlaps another one of it. */
export function assertFits(
  operation: string,
  range: { text: string; within: string; beside: readonly string[] },
): void {
  const { text, within, beside } = range
  const own = rangeFor(operation, text)
  if (!contains(rangeFor(operation, within), own))
    throw wrong(operation, `${text} is not within ${within}`, 'Use a part of the network’s range.')
  const clash = beside.find((other) => overlaps(rangeFor(operation, other), own))
  if (clash !== undefined)
    throw wrong(operation, `${text} overlaps the subnet ${clash}`, 'Give each subnet a range of its own.')
}

const wrong = (operation: string, reason: string, remedy: string) =>
  refusal(operation, `cidr: ${reason}.`, {
    code: 'invalid_request',
    remedy,
    details: { field: 'cidr' },
  })
