import { CloudError } from '#shared/clouds/errors.ts'

/** Is this the hypervisor's error of that code (and words)? */
export const isError = (error: unknown, vendorCode: RegExp, words = /./): error is CloudError =>
  error instanceof CloudError && vendorCode.test(error.vendorCode ?? '') && words.test(error.message)
