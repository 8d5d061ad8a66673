import { HostError } from '#shared/clouds/onprem/gate.ts'

/**
 * Reads what virsh complained of: libvirt's words for each of its error codes (virErrorMsg in src/util/virerror.c) begin its message, so
 * they give the code back, which virsh does not print.
 * @returns undefined if nothing failed.
 */
export function errorOf(stderr: string): HostError | undefined {
  const complaints = stderr.split(/^error: /m).slice(1)
  const words = complaints.map((complaint) => complaint.trim()).filter(Boolean)
  // virsh notices only at the next command that its daemon had been away, connects again, and runs the command.
  const back = words.lastIndexOf('Reconnected to the hypervisor')
  if (back >= 0) words.splice(0, back + 1)
  if (words.length === 0) return undefined
  const known = rules.find(([, pattern]) => words.some((each) => pattern.test(each)))
  return new HostError(known?.[0] ?? 'virsh_failed', words.join(': '))
}

/** The daemon cannot be talked to (any more): what was asked may have happened or not. */
export const isTransport = ({ vendorCode }: HostError): boolean =>
  ['connection_lost', 'ssh_host_key', 'ssh_auth', 'daemon_missing'].includes(vendorCode)

/** The first that matches counts. */
const rules: [code: string, words: RegExp][] = [
  ['ssh_host_key', /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/],
  ['ssh_auth', /Permission denied \(.*(publickey|password).*\)|Too many authentication failures/],
  ['daemon_missing', /Failed to connect socket to '.*': (No such file|Connection refused)/],
  [
    'connection_lost',
    /^(Disconnected from|[Ff]ailed to (re)?connect to the hypervisor|Cannot (recv|write|send) data|End of file while (reading|writing)|unable to connect to server)|client socket is closed|Broken pipe|Connection (reset|refused|timed out)|keepalive timeout/,
  ],
  ['VIR_ERR_NO_DOMAIN', /^Domain not found|^[Ff]ailed to get domain '/],
  ['VIR_ERR_NO_STORAGE_POOL', /^Storage pool not found/],
  ['VIR_ERR_NO_STORAGE_VOL', /^Storage volume not found/],
  ['VIR_ERR_NO_NETWORK', /^Network not found/],
  ['VIR_ERR_NO_NWFILTER', /^Network filter not found/],
  ['VIR_ERR_NO_SECRET', /^Secret not found/],
  ['VIR_ERR_NO_DOMAIN_SNAPSHOT', /^Domain snapshot not found/],
  ['VIR_ERR_NO_DOMAIN_CHECKPOINT', /^Domain checkpoint not found/],
  ['VIR_ERR_NO_DOMAIN_METADATA', /^metadata not found/],
  ['VIR_ERR_STORAGE_VOL_EXIST', /^storage volume '?.*'? exists already/],
  ['VIR_ERR_DOM_EXIST', /^domain .*exists already/],
  ['VIR_ERR_NETWORK_EXIST', /^network .*exists already/],
  ['VIR_ERR_CHECKPOINT_INCONSISTENT', /^checkpoint inconsistent/],
  ['VIR_ERR_AGENT_UNRESPONSIVE', /^Guest agent is not responding/],
  ['VIR_ERR_AGENT_COMMAND_TIMEOUT', /^guest agent command timed out/],
  ['VIR_ERR_DEVICE_MISSING', /^device not found/],
  ['VIR_ERR_OPERATION_TIMEOUT', /^Timed out during operation/],
  ['VIR_ERR_RESOURCE_BUSY', /^resource busy/],
  ['VIR_ERR_OPERATION_ABORTED', /^operation aborted|^migration successfully aborted/],
  ['VIR_ERR_OPERATION_INVALID', /^Requested operation is not valid|^Domain is already active/],
  ['VIR_ERR_OPERATION_UNSUPPORTED', /^Operation not supported/],
  ['VIR_ERR_NO_SUPPORT', /^this function is not supported/],
  ['VIR_ERR_CONFIG_UNSUPPORTED', /^unsupported configuration/],
  ['VIR_ERR_ARGUMENT_UNSUPPORTED', /^argument unsupported/],
  ['VIR_ERR_ACCESS_DENIED', /^access denied/],
  ['VIR_ERR_OPERATION_DENIED', /^operation forbidden/],
  ['VIR_ERR_AUTH_FAILED', /^authentication (failed|cancelled|unavailable)/],
  ['VIR_ERR_XML_ERROR', /^XML error|^XML document failed to validate/],
  ['VIR_ERR_INVALID_ARG', /^invalid argument/],
  ['VIR_ERR_NO_MEMORY', /^out of memory/],
  ['ENOSPC', /No space left on device/],
  ['EACCES', /Permission denied/],
  ['VIR_ERR_OPERATION_FAILED', /^operation failed/],
  ['VIR_ERR_INTERNAL_ERROR', /^internal error/],
]
