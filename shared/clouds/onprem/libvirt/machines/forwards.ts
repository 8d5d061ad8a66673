import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { Forward, MachineSpec } from '#shared/clouds/onprem/host.ts'
import { applyForwards, checkedForward } from '#shared/clouds/onprem/qemu/machines/forwards.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { Parts } from './base.ts'
import { write } from './define.ts'
import { domainOf, requireSpec, stateOf } from './look.ts'
import { qmpOf } from './qmp.ts'

/** Makes the forwards of the first interface exactly these, while the machine runs or is stopped. */
export async function setForwards(parts: Parts, id: string, forwards: Forward[]): Promise<void> {
  const { host } = parts
  const spec = await requireSpec(host, id)
  const [first, ...others] = spec.nics
  if (first?.kind !== 'user') return
  asCloudError(() => forwards.forEach(checkedForward))
  const changed: MachineSpec = { ...spec, nics: [{ ...first, forwards }, ...others] }
  if (JSON.stringify(changed) !== JSON.stringify(spec)) await write(parts, changed, await domainOf(host, id))
  const state = await stateOf(host, id)
  if (state === 'running' || state === 'paused') await openForwards(parts, changed)
}

/** Gives a machine that has a process the forwards that its spec names, and no others. */
export async function openForwards({ host }: Pick<Parts, 'host'>, spec: MachineSpec): Promise<void> {
  const apply = () => applyForwards(qmpOf(host, spec.id), spec.nics[0])
  try {
    // If another worker opened the same ports meanwhile, the second attempt finds them open.
    await apply().catch(apply)
  } catch (error) {
    throw toRefusal(error)
  }
}

function asCloudError(work: () => void): void {
  try {
    work()
  } catch (error) {
    throw toRefusal(error)
  }
}

function toRefusal(error: unknown): unknown {
  if (!(error instanceof HostError)) return error
  const { vendorCode, message } = error
  if (vendorCode === 'invalid_request' || vendorCode === 'unsupported')
    return refusal('machines', `${message}.`, { code: vendorCode })
  return refusal('machines', message, {
    code: 'conflict',
    vendorCode,
    remedy: 'Another program listens on that port of the host; end it or choose another port.',
  })
}
