import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'

/** Sizes in GiB and IOPS by volume type: the EC2 model's documentation of CreateVolume. */
const limits: Readonly<Record<string, { gib: [number, number]; iops?: [number, number]; perGib?: number }>> =
  {
    standard: { gib: [1, 1024] },
    gp2: { gib: [1, 16_384] },
    gp3: { gib: [1, 65_536], iops: [3000, 80_000], perGib: 500 },
    io1: { gib: [4, 16_384], iops: [100, 64_000], perGib: 50 },
    io2: { gib: [4, 65_536], iops: [100, 256_000], perGib: 1000 },
    st1: { gib: [125, 16_384] },
    sc1: { gib: [125, 16_384] },
  }

/** Refuses a size or a number of IOPS that the type of volume does not have. */
export function checkShape({
  type,
  sizeGib,
  iops,
}: {
  type: string
  sizeGib: number
  iops: number | undefined
}): void {
  const limit = limits[type]
  if (!limit) throw invalidValue(`Invalid value '${type}' for volumeType.`)
  const [least, most] = limit.gib
  if (sizeGib < least || sizeGib > most) {
    throw invalidValue(
      `Volume of ${sizeGib}GiB is invalid for volume type ${type}; must be at least ${least}GiB and at most ${most}GiB.`,
    )
  }
  if (iops === undefined) {
    if (type === 'io1' || type === 'io2')
      throw new Refusal('MissingParameter', `The parameter iops must be specified for ${type} volumes.`)
    return
  }
  if (!limit.iops)
    throw new Refusal(
      'InvalidParameterCombination',
      `The parameter iops is not supported for ${type} volumes.`,
    )
  const [fewest, highest] = limit.iops
  const ratio = Math.max((limit.perGib ?? 1) * sizeGib, fewest)
  if (iops < fewest || iops > Math.min(highest, ratio)) {
    throw invalidValue(
      `Volume iops of ${iops} is invalid; must be at least ${fewest} and at most ${Math.min(highest, ratio)} for ${sizeGib}GiB.`,
    )
  }
}
