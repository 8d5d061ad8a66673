/** A run of bytes on a disk. Both are bytes; numbers are exact up to 8 PiB. */
export interface Extent {
  offset: number
  length: number
}

/**
 * A disk that can be read: an EBS snapshot, an Azure snapshot behind a SAS, a local image.
 * Everything outside the listed extents reads as zero.
 */
export interface DiskSource {
  readonly sizeBytes: number
  /** Reads must start at a multiple of this (and be a multiple long, except at the disk's end). */
  readonly granularityBytes: number
  /** The chunk size that this source serves best; a power of two, a multiple of `granularityBytes`. */
  readonly preferredChunkBytes: number
  /** Allocated extents in ascending order, not overlapping, listed page by page (memory stays flat). */
  extents(signal?: AbortSignal): AsyncIterable<Extent>
  /**
   * Reads exactly `extent.length` bytes. Where the source gives a checksum of its own, the bytes are checked
   * against it; a mismatch throws a retryable error with code `integrity`.
   */
  read(extent: Extent, signal?: AbortSignal): Promise<Buffer>
  /** Gives back what reading needed (file handle, SAS grant). May be called twice. */
  close(): Promise<void>
}

/** A disk that is being written: an EBS snapshot under way, an Azure upload disk, a local image. */
export interface DiskSink {
  readonly sizeBytes: number
  readonly granularityBytes: number
  readonly preferredChunkBytes: number
  /** True only if everything not yet written is known to read as zero, so that zeros may be skipped. */
  readonly zeroed: boolean
  /**
   * Writes one chunk; writing the same chunk again is harmless. `sha256` is the chunk's digest as taken at the source;
   * the sink must make sure that what it hands over has that digest and use the vendor's own checksum on the wire.
   * When the promise resolves, the receiving end holds the bytes.
   */
  write(chunk: { offset: number; data: Buffer; sha256: Buffer }, signal?: AbortSignal): Promise<void>
  /** Makes all writes durable (fsync for files). Not the end of the disk: see `DisksFacet.sealDisk`. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** One copied chunk, as journalled. `sha256` is undefined for a chunk of zeros that was skipped. */
export interface CopiedChunk {
  index: number
  sha256?: Buffer
}

/** What a finished copy is described by; the journal is its durable form. */
export interface CopyManifest {
  sizeBytes: number
  chunkBytes: number
  /** Non-zero chunks in ascending order. */
  chunks(): AsyncIterable<{ offset: number; length: number; sha256: Buffer }>
}
