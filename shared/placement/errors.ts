import { NovaError } from '#shared/errors.ts'

/** The error of choosing where and on what a VM runs. Codes: `size_unknown` (no size of that name), `size_unavailable` (none is large enough). */
export class PlacementError extends NovaError {}
