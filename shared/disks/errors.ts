import { NovaError } from '#shared/errors.ts'

/**
 * The error of the disk plane. Codes:
 * - `integrity` (retryable): bytes do not have the digest they should have;
 * - `short_read` (retryable): a source gave fewer bytes than asked;
 * - `io` (retryable): the operating system failed to read or write;
 * - `disk_mismatch`: the destination, read back, is not what was copied;
 * - `lease_lost` (cancelled): another worker has taken over this transfer; nothing was written;
 * - `journal_missing`, `journal_mismatch`, `journal_corrupt`: the journal does not exist, belongs to another transfer, or is not one;
 * - `size_mismatch`: the destination is smaller than what should be on it;
 * - `bad_extent`: a source listed extents that overlap, go backwards or leave the disk;
 * - `bad_chunk_size`: the asked-for chunk size does not fit both ends;
 * - `connection_lost`, `protocol` (retryable, on a new connection): an NBD server is gone, or does not speak NBD;
 * - `unsupported`: an NBD server cannot do, or will not let us do, what is needed;
 * - `image_refused`: an image file that does not stand alone, is not whole, or is not what it is said to be;
 * - `unsupported`: a program that is not on this machine, a disk that a format cannot hold;
 * - `out_of_bounds`, `not_a_raw_disk`, `not_found`, `exists`, `forbidden`, `no_space`: about a local file.
 */
export class DiskError extends NovaError {}

/** Is this a checksum that did not match, with a chance that a second try will? */
export const isIntegrity = (error: unknown): boolean =>
  error instanceof NovaError && error.code === 'integrity' && error.retryable
