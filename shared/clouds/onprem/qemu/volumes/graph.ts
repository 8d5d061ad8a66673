import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { chainOf } from '#shared/clouds/onprem/qemu/volumes/files.ts'

/** A definition as `-blockdev`, `blockdev-add` and `json:{…}` take it; see QEMU's QMP reference, BlockdevOptions. */
export interface BlockNode {
  driver: string
  'node-name'?: string
  [option: string]: unknown
}

/** A `secret` object that must be there before a node that names it: its data are `HostContext.passphrase(keyName)`. */
export interface BlockSecret {
  id: string
  keyName: string
}

export interface BlockNodes {
  /** Name of the node that a device is given. */
  top: string
  /** In the order in which they are added. What they build on is inside them, without names, and goes when they go. */
  nodes: BlockNode[]
  secrets: BlockSecret[]
}

/**
 * The block graph of a volume: its file, decryption, and whole backing chain, each with its format said, so that nothing is probed and no file
 * is opened that is not listed here.
 * @param node its name, at most 27 characters; the secret is `<node>-key`.
 */
export async function blockNodes(
  host: Pick<QemuHost, 'layout' | 'gate'>,
  volume: VolumeRef,
  { node, readOnly = false }: { node: string; readOnly?: boolean },
): Promise<BlockNodes> {
  const secret = volume.keyName === undefined ? undefined : { id: `${node}-key`, keyName: volume.keyName }
  const files = await chainOf(host, volume)
  const definition = nodeOf(files, {
    format: volume.format,
    readOnly,
    ...(secret && { secretId: secret.id }),
  })
  return {
    top: node,
    nodes: [{ ...definition, 'node-name': node }],
    secrets: secret ? [secret] : [],
  }
}

/** One definition for a chain of files, the first on top. Those below are read-only. */
export function nodeOf(
  [path, ...below]: readonly string[],
  { format, readOnly, secretId }: { format: VolumeRef['format']; readOnly: boolean; secretId?: string },
): BlockNode {
  const common = { 'read-only': readOnly, discard: 'unmap' }
  const file = { driver: 'file', filename: path, ...common }
  if (format === 'raw') return { driver: 'raw', ...common, file }
  return {
    driver: 'qcow2',
    ...common,
    file,
    ...(secretId !== undefined && { encrypt: { format: 'luks', 'key-secret': secretId } }),
    backing:
      below.length === 0
        ? null
        : nodeOf(below, { format: 'qcow2', readOnly: true, ...(secretId !== undefined && { secretId }) }),
  }
}
