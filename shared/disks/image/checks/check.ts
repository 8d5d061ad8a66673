import type { ImageFile } from '#shared/disks/image/image-file.ts'

/**
 * Looks through an image's structure before any other program touches it. Must refuse whatever would make a reader open another file, run out of
 * memory, or take what is not there for zeros.
 * @throws DiskError `image_refused`
 */
export type DiskCheck = (file: ImageFile) => Promise<{ sizeBytes: number }>
