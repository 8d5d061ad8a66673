import { BlockList, isIP } from 'node:net'

/**
 * Is this IP address one that a service must not be talked into calling: loopback, private, link-local (where clouds keep their metadata
 * service), multicast, documentation, or a way to write one of those as IPv6? By the IANA special-purpose address registries; IPv4-mapped
 * IPv6 addresses are judged by the IPv4 rules. What is no IP address at all is special too.
 */
export function isSpecialAddress(address: string): boolean {
  const family = isIP(address)
  return family === 0 || special.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

const ipv4Ranges = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const

/** With NAT64 (64:ff9b::), 6to4 (2002::) and Teredo (in 2001::/23), each of which can carry a private IPv4 address inside. */
const ipv6Ranges = [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const

const special = new BlockList()
for (const [network, prefix] of ipv4Ranges) special.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of ipv6Ranges) special.addSubnet(network, prefix, 'ipv6')
