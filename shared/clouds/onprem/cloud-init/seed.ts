import { createHash } from 'node:crypto'
import { fatVolume, type FatFile } from '#shared/disks/fat/volume.ts'

/** What a guest's cloud-init is told at its first start. */
export interface Seed {
  /** Another one makes cloud-init treat the guest as new: the machine's UUID. */
  instanceId: string
  /** Any name; what no host name may hold becomes a dash. */
  hostname: string
  /** Handed on byte by byte: a script, `#cloud-config`, MIME parts … */
  userData?: string
  /** In OpenSSH's form. */
  publicKeys: string[]
  /** Interfaces that take their address by DHCP; left out, cloud-init looks for the first one itself. */
  network?: { mac: string }[]
}

/**
 * A seed for cloud-init's NoCloud data source: a FAT volume with the label CIDATA that holds `user-data`, `meta-data` and perhaps
 * `network-config` (docs.cloud-init.io, "NoCloud"). Host name and keys are in the metadata, as EC2 would give them, so the user's data need not
 * be read or changed. The same seed gives the same bytes.
 */
export function seedImage(seed: Seed): Buffer {
  const files = filesOf(seed)
  const dataBytes = files.reduce((sum, { data }) => sum + data.length, 0)
  const sizeBytes = mib * Math.max(1, Math.ceil((dataBytes * 1.1 + overheadBytes) / mib))
  const serial = createHash('sha256').update(seed.instanceId).digest().readUInt32LE(0)
  const image = Buffer.alloc(sizeBytes)
  for (const { offset, data } of fatVolume({ sizeBytes, label: 'CIDATA', serial, files }))
    data.copy(image, offset)
  return image
}

const mib = 2 ** 20
/** Tables, root folder and the unused ends of clusters. */
const overheadBytes = 256 * 1024

function filesOf({ instanceId, hostname, userData = '', publicKeys, network }: Seed): FatFile[] {
  const metadata = {
    'instance-id': instanceId,
    'local-hostname': hostNameOf(hostname),
    'public-keys': publicKeys.map((key) => key.trim()),
  }
  return [
    { path: 'meta-data', data: yaml(metadata) },
    { path: 'user-data', data: Buffer.from(userData) },
    ...(network ? [{ path: 'network-config', data: yaml(networkOf(network)) }] : []),
  ]
}

/** Version 2 of cloud-init's network configuration. Bound to the hardware address: names of interfaces follow the PCI slot. */
const networkOf = (network: { mac: string }[]) => ({
  version: 2,
  ethernets: Object.fromEntries(
    network.map(({ mac }, index) => [
      `nic${index}`,
      { match: { macaddress: mac.toLowerCase() }, dhcp4: true, ...(index > 0 && { optional: true }) },
    ]),
  ),
})

/** Every value as JSON, which YAML contains. */
const yaml = (values: Record<string, unknown>): Buffer =>
  Buffer.from(
    Object.entries(values)
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
      .join(''),
  )

/** Labels of letters, digits and dashes, at most 63 each (RFC 1123). */
function hostNameOf(name: string): string {
  const labels = name
    .toLowerCase()
    .split('.')
    .map((label) => label.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, ''))
    .map((label) => label.slice(0, 63).replace(/-$/, ''))
    .filter((label) => label !== '')
  return labels.length === 0 ? 'vm' : labels.join('.').slice(0, 253)
}
