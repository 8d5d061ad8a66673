import { luksHeader, luksHeaderBytes } from './header.ts'

/** The image is `head`, and zeros after it up to `fileBytes`. */
export interface EncryptedImage {
  head: Buffer
  fileBytes: number
}

/**
 * An empty encrypted qcow2 image (version 3, clusters of 64 KiB), or one that has the content of the file that it builds on. Its head has half a
 * MiB, whatever its size up to 4 TiB.
 * https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
 * @param passphrase see luksHeader.
 */
export function encryptedImage({
  sizeBytes,
  passphrase,
  backing,
}: {
  sizeBytes: number
  passphrase: string
  backing?: { path: string; format: 'qcow2' | 'raw' }
}): EncryptedImage {
  const l1Entries = Math.max(1, Math.ceil(sizeBytes / bytesPerL1Entry))
  const l1Clusters = clustersOf(l1Entries * 8)
  const luksCluster = firstL1Cluster + l1Clusters
  const usedClusters = luksCluster + clustersOf(luksHeaderBytes)
  const luks = luksHeader(passphrase)
  // The clusters after it are the slots that nothing is in.
  const image = Buffer.alloc((luksCluster + clustersOf(luks.length)) * clusterBytes)

  image.write('QFI\xfb', 0, 'latin1')
  image.writeUInt32BE(3, 4)
  image.writeUInt32BE(Math.log2(clusterBytes), 20)
  image.writeBigUInt64BE(BigInt(sizeBytes), 24)
  image.writeUInt32BE(encryptedByLuks, 32)
  image.writeUInt32BE(l1Entries, 36)
  image.writeBigUInt64BE(BigInt(firstL1Cluster * clusterBytes), 40)
  image.writeBigUInt64BE(BigInt(refcountTable * clusterBytes), 48)
  image.writeUInt32BE(1, 56)
  // 2^4 bits count the users of a cluster.
  image.writeUInt32BE(4, 96)
  image.writeUInt32BE(headerBytes, 100)
  const luksPlace = Buffer.alloc(16)
  luksPlace.writeBigUInt64BE(BigInt(luksCluster * clusterBytes))
  luksPlace.writeBigUInt64BE(BigInt(luksHeaderBytes), 8)
  const extensions = Buffer.concat([
    extension(encryptionExtension, luksPlace),
    ...(backing ? [extension(backingFormatExtension, Buffer.from(backing.format))] : []),
    extension(0, Buffer.alloc(0)),
  ])
  extensions.copy(image, headerBytes)
  if (backing) {
    const path = Buffer.from(backing.path)
    image.writeBigUInt64BE(BigInt(headerBytes + extensions.length), 8)
    image.writeUInt32BE(path.length, 16)
    path.copy(image, headerBytes + extensions.length)
  }

  image.writeBigUInt64BE(BigInt(refcountBlock * clusterBytes), refcountTable * clusterBytes)
  for (let cluster = 0; cluster < usedClusters; cluster++)
    image.writeUInt16BE(1, refcountBlock * clusterBytes + cluster * 2)
  luks.copy(image, luksCluster * clusterBytes)
  return { head: image, fileBytes: usedClusters * clusterBytes }
}

const clusterBytes = 65_536
const headerBytes = 104
const refcountTable = 1
const refcountBlock = 2
const firstL1Cluster = 3
/** An L2 table has one cluster. */
const bytesPerL1Entry = (clusterBytes / 8) * clusterBytes
const encryptedByLuks = 2
const encryptionExtension = 0x0537be77
const backingFormatExtension = 0xe2792aca

const clustersOf = (bytes: number): number => Math.ceil(bytes / clusterBytes)

/** Its data are padded to a multiple of eight bytes. */
function extension(type: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(8 + Math.ceil(data.length / 8) * 8)
  bytes.writeUInt32BE(type)
  bytes.writeUInt32BE(data.length, 4)
  data.copy(bytes, 8)
  return bytes
}
