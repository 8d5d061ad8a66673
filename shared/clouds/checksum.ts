/** A checksum as the port tells it: `md5:9e107d…`. */
export const checksumText = (algorithm: 'md5' | 'crc32c' | 'sha256', digest: Uint8Array): string =>
  `${algorithm}:${Buffer.from(digest).toString('hex')}`
