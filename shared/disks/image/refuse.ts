import { DiskError } from '#shared/disks/errors.ts'

/** An image file that is not taken: `reason` completes "This file is refused: …". Trying again cannot help. */
export const refused = (
  reason: string,
  remedy = 'Export the disk again as one file that holds all of it, and use that.',
): DiskError => new DiskError(`The image file is refused: ${reason}.`, { code: 'image_refused', remedy })

/** Made for a file that ends too early. */
export const truncated = (what: string): DiskError =>
  refused(
    `${what} lies outside of the file, which was cut or never complete`,
    'Transfer the file again, whole.',
  )
