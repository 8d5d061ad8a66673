import type { ErrorRule } from '#shared/clouds/onprem/gate.ts'

const forbiddenRemedy =
  "Let the user of the host's URI use libvirt (group libvirt), and give its guests access to what the message names."

/** What libvirt's codes, and the driver's own, mean. The first that matches counts. https://libvirt.org/html/libvirt-virterror.html */
export const libvirtErrorRules: readonly ErrorRule[] = [
  {
    vendorCode: 'ssh_credentials',
    facts: {
      code: 'invalid_request',
      remedy:
        'A host with a qemu+ssh:// URI needs credentials ssh_private_key (without a passphrase) and ssh_known_hosts (as ssh-keyscan prints it).',
    },
  },
  {
    vendorCode: 'ssh_host_key',
    facts: {
      code: 'tls',
      remedy:
        "The host's key is not the one in ssh_known_hosts. If it was changed on purpose, register the new one; otherwise somebody stands in between.",
    },
  },
  {
    vendorCode: 'ssh_auth',
    facts: {
      code: 'auth_failed',
      remedy: "Add the key of ssh_private_key to the user's authorized_keys on the host.",
    },
  },
  {
    vendorCode: 'daemon_missing',
    facts: {
      code: 'unavailable',
      kind: 'retryable',
      remedy: 'libvirtd does not run on the host, or its socket is another: start it, or correct the URI.',
    },
  },
  { vendorCode: 'VIR_ERR_AUTH_FAILED', facts: { code: 'auth_failed', remedy: forbiddenRemedy } },
  {
    vendorCode: /^(VIR_ERR_ACCESS_DENIED|VIR_ERR_OPERATION_DENIED|EACCES)$/,
    facts: { code: 'forbidden', remedy: forbiddenRemedy },
  },
  {
    vendorCode: /^VIR_ERR_NO_(DOMAIN|STORAGE_POOL|STORAGE_VOL|NETWORK|NWFILTER)/,
    facts: { code: 'not_found' },
  },
  { vendorCode: 'VIR_ERR_DEVICE_MISSING', facts: { code: 'not_found' } },
  {
    vendorCode: 'VIR_ERR_NO_SECRET',
    facts: {
      code: 'conflict',
      kind: 'retryable',
      remedy: 'libvirt was restarted and has forgotten a key; it is given again.',
    },
  },
  {
    vendorCode: /^VIR_ERR_(STORAGE_VOL_EXIST|DOM_EXIST|NETWORK_EXIST)$/,
    facts: {
      code: 'conflict',
      remedy: 'Something of that name is there already, and not of ours: rename it.',
    },
  },
  {
    vendorCode: /./,
    message: /Failed to get (shared )?".*" lock|Is another process using the image/,
    facts: {
      code: 'conflict',
      kind: 'retryable',
      remedy: 'Another process has the image open; wait until it is done.',
    },
  },
  {
    vendorCode: /./,
    message: /No space left on device/,
    facts: {
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      remedy: 'Free space in the storage pool, or give the host another one.',
    },
  },
  {
    vendorCode: /./,
    message: /Cannot allocate memory|cannot set up guest memory/i,
    facts: {
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      remedy: 'The host is out of memory: stop a VM there or choose another host.',
    },
  },
  {
    vendorCode: /./,
    message: /[Cc]ould not set up host forwarding|Address already in use/,
    facts: {
      code: 'conflict',
      remedy: 'Another program listens on that port of the host; end it or choose another port.',
    },
  },
  {
    vendorCode: /./,
    message: /Invalid password|[Cc]ould not decrypt/,
    facts: {
      code: 'invalid_request',
      remedy: 'Check that the registration has the key that the volume was encrypted with.',
    },
  },
  {
    vendorCode: 'guest_running',
    facts: { code: 'conflict', remedy: 'Stop the VM, then do it again.' },
  },
  {
    vendorCode: 'guest_silent',
    facts: { code: 'conflict', remedy: 'The guest did not let go of it; stop the VM, then do it again.' },
  },
  {
    // Somebody else's call holds the domain or pool at this moment.
    vendorCode: /^VIR_ERR_(OPERATION_TIMEOUT|RESOURCE_BUSY|OPERATION_ABORTED)$/,
    facts: { code: 'conflict', kind: 'retryable' },
  },
  {
    // It ended meanwhile: by itself, by its guest, or killed.
    vendorCode: 'VIR_ERR_OPERATION_INVALID',
    message: /domain is not running/,
    facts: { code: 'conflict', kind: 'retryable' },
  },
  { vendorCode: 'VIR_ERR_OPERATION_INVALID', facts: { code: 'conflict' } },
  {
    vendorCode: /^VIR_ERR_(NO_SUPPORT|CONFIG_UNSUPPORTED|ARGUMENT_UNSUPPORTED|OPERATION_UNSUPPORTED)$/,
    facts: {
      code: 'unsupported',
      remedy: 'The message says what this libvirt or QEMU cannot; use newer ones, or do without it.',
    },
  },
  { vendorCode: 'VIR_ERR_AGENT_UNRESPONSIVE', facts: { code: 'unavailable', kind: 'retryable' } },
  { vendorCode: 'VIR_ERR_AGENT_COMMAND_TIMEOUT', facts: { code: 'timeout', kind: 'retryable' } },
  {
    vendorCode: 'VIR_ERR_NO_MEMORY',
    facts: { code: 'capacity', kind: 'capacity', scope: 'zone', remedy: 'The host is out of memory.' },
  },
  { vendorCode: 'VIR_ERR_INVALID_ARG', facts: { code: 'invalid_request' } },
  { vendorCode: /^(VIR_ERR_|virsh_failed)/, facts: { code: 'cloud_error', kind: 'retryable' } },
]
