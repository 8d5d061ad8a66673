import { CloudError } from '#shared/clouds/errors.ts'

/** Bytes that are not those that were sent, or are to come. Trying again may help: it may have been the way. */
export const damaged = (operation: string, what: string): CloudError =>
  new CloudError(what, {
    cloud: 'gcp',
    operation,
    code: 'integrity',
    kind: 'retryable',
    remedy: 'It is tried again; if it happens again, the object itself is damaged: write it anew.',
  })
