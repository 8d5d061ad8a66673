import { accepted, type ArmHandler } from '#test/clouds/azure/context.ts'
import { findVm } from '#test/clouds/azure/compute/vm-power.ts'
import { showExtension } from '#test/clouds/azure/compute/vm-view.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, object, tags, text } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Compute'

const extensionBody = object(
  'VirtualMachineExtension',
  {
    location: text,
    tags,
    properties: object(
      'VirtualMachineExtensionProperties',
      {
        publisher: text,
        type: text,
        typeHandlerVersion: text,
        autoUpgradeMinorVersion: flag,
        enableAutomaticUpgrade: flag,
        settings: () => {},
      },
      ['publisher', 'type'],
    ),
  },
  ['location', 'properties'],
)

/** The one extension on offer: what teaches a guest to hibernate. Its agent must run. */
export const putExtension: ArmHandler = (context, request) => {
  const vm = findVm(context, request)
  extensionBody(request.body, '')
  const { properties } = request.body as { properties: { publisher: string; type: string } }
  if (properties.publisher !== 'Microsoft.CPlat.Core' || properties.type !== 'LinuxHibernateExtension') {
    throw new Refusal(
      404,
      'NotFound',
      `The handler for VM extension type '${properties.publisher}.${properties.type}' was not found.`,
    )
  }
  if (vm.life.state() !== 'running') {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Cannot modify extensions in the VM when the VM is not running.`,
    )
  }
  const name = request.path['extension'] ?? ''
  const existing = vm.extensions.find((each) => each.name.toLowerCase() === name.toLowerCase())
  const extension = existing ?? {
    name,
    given: properties,
    readyAtMs: context.clock.now() + context.delays.vmStart,
  }
  if (!existing) vm.extensions.push(extension)
  return accepted(context, request, {
    provider,
    region: vm.location,
    status: existing ? 200 : 201,
    body: showExtension(context, vm, extension),
    afterMs: Math.max(0, extension.readyAtMs - context.clock.now()),
  })
}

export const getExtension: ArmHandler = (context, request) => {
  const vm = findVm(context, request)
  const name = request.path['extension'] ?? ''
  const extension = vm.extensions.find((each) => each.name.toLowerCase() === name.toLowerCase())
  if (!extension)
    throw new Refusal(404, 'ResourceNotFound', `The extension '${name}' of VM '${vm.name}' was not found.`)
  return json(200, showExtension(context, vm, extension))
}
