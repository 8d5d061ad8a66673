import type { ErrorRule } from '#shared/clouds/onprem/gate.ts'

/** What QMP's error classes and words, QEMU's programs and this driver's own codes mean. The first that matches counts. */
export const qemuErrorRules: readonly ErrorRule[] = [
  {
    vendorCode: /^(ENOENT|ENOTDIR|EEXIST|EROFS)$/,
    message: /, mkdir /,
    facts: {
      code: 'invalid_request',
      remedy: "Set the host's `folder`, and the paths of its pools, to ones that can be made and written to.",
    },
  },
  {
    vendorCode: 'guest_running',
    facts: { code: 'conflict', remedy: 'Stop the VM, then do it again.' },
  },
  {
    vendorCode: 'guest_not_running',
    facts: { code: 'conflict', remedy: 'Start the VM, then do it again.' },
  },
  {
    vendorCode: 'guest_silent',
    facts: {
      code: 'conflict',
      remedy: 'The guest did not answer; stop the VM, then do it again.',
    },
  },
  {
    vendorCode: 'too_busy',
    facts: {
      code: 'conflict',
      remedy: 'Allow a longer max_downtime, move it when it has less to do, or stop it first.',
    },
  },
  {
    vendorCode: 'monitor_busy',
    facts: { code: 'conflict', kind: 'retryable', remedy: 'It is tried again.' },
  },
  {
    vendorCode: /^(GenericError|program_failed|job_failed)$/,
    message: /Failed to get (shared )?".*" lock|Is another process using the image/,
    facts: {
      code: 'conflict',
      kind: 'retryable',
      remedy: 'Another process has the image open; wait until it is done.',
    },
  },
  {
    vendorCode: /^(GenericError|program_failed|job_failed)$/,
    message: /No space left on device|Disk quota exceeded/,
    facts: {
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      remedy: 'Free space in the storage pool, or give the host another one.',
    },
  },
  {
    vendorCode: /^(GenericError|program_failed|job_failed)$/,
    message: /Cannot allocate memory|cannot set up guest memory/i,
    facts: {
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      remedy: 'The host is out of memory: stop a VM there or choose another host.',
    },
  },
  {
    vendorCode: /^(GenericError|program_failed|job_failed)$/,
    message: /Permission denied|Operation not permitted/,
    facts: {
      code: 'forbidden',
      remedy: 'Give the user that guests run as access to what the message names.',
    },
  },
  {
    vendorCode: /^(GenericError|program_failed|job_failed)$/,
    message: /Could not set up host forwarding|Address already in use/i,
    facts: {
      code: 'conflict',
      remedy: 'Another program listens on that port of the host; end it or choose another port.',
    },
  },
  {
    vendorCode: /^(GenericError|program_failed|job_failed)$/,
    message: /Invalid password|Could not decrypt|No secret with id/i,
    facts: {
      code: 'invalid_request',
      remedy: 'Check that the registration has the key that the volume was encrypted with.',
    },
  },
  {
    vendorCode: /^(GenericError|program_failed|job_failed)$/,
    message: /No such file or directory/,
    facts: { code: 'not_found' },
  },
  { vendorCode: 'ENOENT', facts: { code: 'not_found' } },
  { vendorCode: 'DeviceNotFound', facts: { code: 'not_found' } },
  {
    vendorCode: 'CommandNotFound',
    facts: { code: 'unsupported', remedy: 'Use a newer QEMU (7.2 at least).' },
  },
  {
    vendorCode: /^(GenericError|program_failed|job_failed)$/,
    facts: { code: 'cloud_error', kind: 'retryable' },
  },
]
