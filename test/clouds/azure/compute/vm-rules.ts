import { checkReference, hibernates, sizeNamed, type Context, type Sku } from '#test/clouds/azure/context.ts'
import type { Nic, Vm } from '#test/clouds/azure/estate.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import type { NicReference, VmBody } from '#test/clouds/azure/compute/vm-body.ts'

/** What must be right about a VM before anything of it is made. */

export function checkSize({ properties }: Pick<VmBody, 'properties'>, location: string): Sku {
  const size = sizeNamed(properties.hardwareProfile.vmSize)
  if (size) return size
  throw new Refusal(
    400,
    'InvalidParameter',
    `The value ${properties.hardwareProfile.vmSize} provided for the VM size is not valid. The valid sizes in the current region ${location} are listed by the SKUs API.`,
    'vmSize',
  )
}

/** Cores of VMs that are not deallocated count against the region's quota. */
export function checkQuota({ estate, coreQuota }: Context, location: string, size: Sku, vmId: string): void {
  const using = estate
    .list('vm')
    .filter((vm) => vm.location === location && vm.id !== vmId && !vm.uncounted && !isIdle(vm))
    .reduce((cores, vm) => cores + (sizeNamed(vm.size)?.vcpus ?? 0), 0)
  if (using + size.vcpus <= coreQuota) return
  throw new Refusal(
    409,
    'OperationNotAllowed',
    `Operation could not be completed as it results in exceeding approved Total Regional Cores quota. Additional details - Deployment Model: Resource Manager, Location: ${location}, Current Limit: ${coreQuota}, Current Usage: ${using}, Additional Required: ${size.vcpus}, (Minimum) New Limit Required: ${using + size.vcpus}.`,
  )
}

const isIdle = (vm: Vm): boolean => ['deallocated', 'hibernated'].includes(vm.life.state())

/** What of a VM's wishes goes together. A spot VM costs a cent for each vCPU and hour here. */
export function checkWishes(context: Context, { properties }: VmBody, size: Sku): void {
  const { priority, evictionPolicy, billingProfile, additionalCapabilities } = properties
  const spot = priority?.toLowerCase() === 'spot'
  for (const [name, value] of Object.entries({ evictionPolicy, billingProfile })) {
    if (value === undefined || spot) continue
    throw new Refusal(
      400,
      'InvalidParameter',
      `The parameter '${name}' is allowed for Azure Spot VMs only.`,
      name,
    )
  }
  const maxPrice = billingProfile?.maxPrice ?? -1
  if (maxPrice !== -1 && maxPrice <= 0)
    throw new Refusal(400, 'InvalidParameter', `The max price ${maxPrice} is not valid.`, 'maxPrice')
  const price = size.vcpus * 0.01
  if (spot && maxPrice !== -1 && maxPrice < price) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Unable to perform operation 'Create VM' since the provided max price '${maxPrice} USD' is lower than the current spot price '${price} USD' for Azure Spot VM size '${size.name}'. For more information, see https://aka.ms/AzureSpot/errormessages.`,
    )
  }
  checkReference(context, properties.proximityPlacementGroup?.id)
  if (additionalCapabilities?.hibernationEnabled && (spot || !hibernates(size.name))) {
    throw new Refusal(
      400,
      'OperationNotAllowed',
      spot
        ? 'Hibernation is not supported for Azure Spot VMs.'
        : `The VM size '${size.name}' does not support hibernation.`,
      'additionalCapabilities.hibernationEnabled',
    )
  }
}

export function takeNics(
  { estate }: Context,
  references: NicReference[],
  vmId: string,
  location: string,
): Nic[] {
  if (references.length === 0)
    throw new Refusal(
      400,
      'NetworkProfileMissingNetworkInterfaces',
      'Virtual machine must have at least one network interface.',
    )
  return references.map(({ id }) => {
    const nic = estate.get('nic', id)
    if (!nic) throw new Refusal(404, 'NotFound', `Resource ${id} not found.`)
    if (nic.location !== location)
      throw new Refusal(400, 'InvalidResourceReference', `Resource ${id} is not in region ${location}.`)
    if (nic.vmId !== undefined && nic.vmId !== vmId) {
      throw new Refusal(400, 'NicInUse', `Network Interface ${id} is used by existing resource ${nic.vmId}.`)
    }
    return nic
  })
}

/** A system made from an image needs accounts; one on an attached disk brings its own. */
export function checkAccounts({ properties: { osProfile } }: VmBody, fromImage: boolean): void {
  if (!fromImage) {
    if (osProfile)
      throw new Refusal(400, 'InvalidParameter', "Parameter 'osProfile' is not allowed.", 'osProfile')
    return
  }
  if (!osProfile)
    throw new Refusal(
      400,
      'InvalidParameter',
      "Required parameter 'osProfile' is missing (null).",
      'osProfile',
    )
  if (/^(admin|root|user|guest|test)$/i.test(osProfile.adminUsername)) {
    throw new Refusal(
      400,
      'InvalidParameter',
      'The Admin Username specified is not allowed.',
      'adminUsername',
    )
  }
  if (!/^(?!\d+$)[\dA-Za-z](?:[\dA-Za-z-]{0,62}[\dA-Za-z])?$/.test(osProfile.computerName)) {
    throw new Refusal(
      400,
      'InvalidParameter',
      `Linux host name '${osProfile.computerName}' is not valid.`,
      'computerName',
    )
  }
  const linux = osProfile.linuxConfiguration
  const keys = linux?.ssh?.publicKeys ?? []
  if (linux?.disablePasswordAuthentication && keys.length === 0) {
    throw new Refusal(
      400,
      'InvalidParameter',
      'Authentication using either SSH or by user name and password must be enabled in Linux profile.',
      'linuxConfiguration',
    )
  }
  if (!linux?.disablePasswordAuthentication && osProfile.adminPassword === undefined) {
    throw new Refusal(
      400,
      'InvalidParameter',
      "Required parameter 'adminPassword' is missing (null).",
      'adminPassword',
    )
  }
  for (const { keyData = '' } of keys) checkKey(keyData)
}

/** The blob of an OpenSSH key repeats its type, and an RSA key has at least 2048 bits. */
function checkKey(keyData: string): void {
  const [type = '', blob = ''] = keyData.trim().split(/\s+/)
  const bytes = Buffer.from(blob, 'base64')
  const named = bytes.length > 4 ? bytes.toString('latin1', 4, 4 + bytes.readUInt32BE(0)) : ''
  if (
    ['ssh-rsa', 'ssh-ed25519'].includes(type) &&
    named === type &&
    (type !== 'ssh-rsa' || bytes.length >= 256)
  )
    return
  throw new Refusal(
    400,
    'InvalidParameter',
    `The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.`,
    'linuxConfiguration.ssh.publicKeys.keyData',
  )
}
