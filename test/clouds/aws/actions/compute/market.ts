import type { Input } from '#test/clouds/aws/actions/compute/run.ts'
import type { InstanceType } from '#test/clouds/aws/catalog.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'

/** What a type costs an hour at the spot price here: enough to tell a cap that is too low from one that is not. */
export const spotPriceOf = ({ vcpus, gpus }: Pick<InstanceType, 'vcpus' | 'gpus'>): number =>
  0.012 * vcpus + 0.35 * gpus

/** EC2 API reference: SpotMarketOptions, Placement. */
export function checkMarket(input: Input, type: InstanceType): void {
  const market = input.InstanceMarketOptions
  if (market === undefined) return
  if (market.MarketType !== 'spot') throw invalidValue('MarketType must be spot')
  const { MaxPrice, SpotInstanceType, InstanceInterruptionBehavior } = market.SpotOptions ?? {}
  if (SpotInstanceType === 'persistent') {
    throw new Refusal('InvalidParameterCombination', 'Persistent requests are not kept here')
  }
  if (InstanceInterruptionBehavior !== undefined && InstanceInterruptionBehavior !== 'terminate') {
    throw new Refusal(
      'InvalidParameterCombination',
      'The instanceInterruptionBehavior is only supported for persistent requests',
    )
  }
  if (input.Placement?.Tenancy === 'host')
    throw new Refusal('InvalidParameterCombination', 'Spot Instances cannot be launched on Dedicated Hosts')
  if (MaxPrice === undefined) return
  if (!/^\d+(\.\d+)?$/.test(MaxPrice) || Number(MaxPrice) === 0)
    throw invalidValue(
      `Value (${MaxPrice}) for parameter price is invalid. "${MaxPrice}" is an invalid spot instance price`,
    )
  if (Number(MaxPrice) < spotPriceOf(type)) {
    throw new Refusal(
      'SpotMaxPriceTooLow',
      `Your Spot request price of ${MaxPrice} is lower than the minimum required Spot request fulfillment price of ${spotPriceOf(type)}.`,
    )
  }
}
