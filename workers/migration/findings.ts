import type { Cloud, CloudType, CloudVm } from '#shared/clouds/port.ts'
import { sizeNamed } from '#shared/placement/choose.ts'
import type { Finding, Target } from '#workers/migration/types.ts'

export interface Pair {
  from: Cloud
  to: Cloud
  vm: CloudVm
  target: Target
}

/** Looks at a migration before anything is touched. Each check has a name, so that a user can look it up. */
export async function findingsOf(pair: Pair): Promise<Finding[]> {
  const lists = await Promise.all(checks.map(async (check) => check(pair)))
  return lists.flat()
}

type Check = (pair: Pair) => Finding[] | Promise<Finding[]>

const powerState: Check = ({ vm }) =>
  ['running', 'stopped', 'pending'].includes(vm.state)
    ? []
    : [
        critical(
          'source.power_state',
          `The VM is ${vm.state}; only a running or stopped one can be moved.`,
          'Wait until it has settled, or start it.',
        ),
      ]

const hasDisks: Check = ({ vm }) =>
  vm.disks.some(({ boot }) => boot)
    ? []
    : [
        critical(
          'source.boot_disk',
          'The VM has no boot disk that can be snapshotted (an instance store, perhaps).',
          'Move its data by other means.',
        ),
      ]

const diskCount: Check = ({ vm, to }) => {
  const { maxDisks } = limits[to.type]
  return vm.disks.length <= maxDisks
    ? []
    : [
        critical(
          'disk.count',
          `The VM has ${vm.disks.length} disks; ${to.type} takes ${maxDisks}.`,
          'Merge or detach some.',
        ),
      ]
}

const diskSizes: Check = ({ vm, to }) =>
  vm.disks.flatMap((disk) => {
    const maxGib = disk.boot ? limits[to.type].maxBootGib : limits[to.type].maxDataGib
    const sizeGib = disk.sizeBytes / 1024 ** 3
    if (sizeGib > maxGib)
      return [
        critical(
          'disk.size',
          `Disk ${disk.id} has ${Math.ceil(sizeGib)} GiB; ${to.type} takes ${maxGib} GiB there.`,
          'Shrink or split it.',
        ),
      ]
    return disk.sizeBytes % 1024 ** 2 === 0
      ? []
      : [
          information(
            'disk.alignment',
            `Disk ${disk.id} is not a whole number of MiB; its copy is rounded up with zeros.`,
          ),
        ]
  })

const architecture: Check = async ({ vm, to, target }) => {
  const size = await sizeNamed(to, target.region, target.instanceType)
  if (!size)
    return [
      critical(
        'size.offered',
        `${to.type} does not offer "${target.instanceType}" in ${target.region}.`,
        'Leave destination_config.instance_type out, or name another.',
      ),
    ]
  const wrong = !size.architectures.includes(vm.architecture)
  return wrong
    ? [
        critical(
          'size.architecture',
          `"${size.name}" is ${size.architectures.join('/')}; the VM is ${vm.architecture}.`,
          'Name a size of the same architecture.',
        ),
      ]
    : [
        information(
          'size.chosen',
          `${vm.instanceType} becomes ${size.name}: ${size.vcpus} vCPU, ${size.memoryMib} MiB.`,
        ),
      ]
}

const publicAddress: Check = ({ vm }) =>
  vm.publicIp
    ? [
        warning(
          'network.public_address',
          `The public address ${vm.publicIp} stays with the source cloud.`,
          'Point DNS names at the new address after the move.',
        ),
      ]
    : []

const sameCloud: Check = ({ vm, target, from, to }) =>
  from.type === to.type && vm.region === target.region
    ? [
        information(
          'path.same_region',
          'Source and destination are the same cloud and region; a copy within the cloud may be quicker.',
        ),
      ]
    : []

const checks: readonly Check[] = [
  powerState,
  hasDisks,
  diskCount,
  diskSizes,
  architecture,
  publicAddress,
  sameCloud,
]

/**
 * Of the destination. AWS: EBS volumes of 16 TiB, 21 disks as VM Import takes them. Azure: 2 TiB boot disks on generation 1, 32 TiB data disks, 64 of
 * them. GCP: 64 TiB, 128 disks.
 */
const limits: Record<CloudType, { maxDisks: number; maxBootGib: number; maxDataGib: number }> = {
  aws: { maxDisks: 21, maxBootGib: 16_384, maxDataGib: 16_384 },
  azure: { maxDisks: 65, maxBootGib: 2_048, maxDataGib: 32_767 },
  gcp: { maxDisks: 128, maxBootGib: 65_536, maxDataGib: 65_536 },
  'on-premise': { maxDisks: 26, maxBootGib: 65_536, maxDataGib: 65_536 },
}

const critical = (check: string, message: string, remedy: string): Finding => ({
  check,
  severity: 'critical',
  message,
  remedy,
})
const warning = (check: string, message: string, remedy: string): Finding => ({
  check,
  severity: 'warning',
  message,
  remedy,
})
const information = (check: string, message: string): Finding => ({ check, severity: 'information', message })
