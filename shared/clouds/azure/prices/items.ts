import { decimalOf, halved } from '#shared/decimals.ts'
import type { Price } from '#shared/clouds/port.ts'

/** A row of the price list, as far as it is read. */
export interface RetailItem {
  currencyCode: string
  retailPrice: number
  tierMinimumUnits: number
  armRegionName: string
  effectiveStartDate: string
  meterName: string
  productName: string
  skuName: string
  armSkuName: string
  serviceName: string
  unitOfMeasure: string
  type: string
  isPrimaryMeterRegion?: boolean
}

/** The price of a VM by the hour, of Linux; undefined for a row of something else (Windows, low priority, dedicated hosts, cloud services). */
export function vmPrice(item: RetailItem, asOf: Date): Price | undefined {
  if (item.serviceName !== 'Virtual Machines' || !isCurrent(item, asOf)) return undefined
  if (item.armSkuName === '' || item.unitOfMeasure !== '1 Hour') return undefined
  if (/Windows|Cloud ?Services|Dedicated Host/i.test(item.productName)) return undefined
  if (/Low Priority/i.test(item.meterName)) return undefined
  return {
    region: item.armRegionName,
    kind: 'vm',
    sku: item.armSkuName,
    model: /Spot/i.test(item.meterName) ? 'spot' : 'on_demand',
    price: { amount: decimalOf(item.retailPrice), currency: item.currencyCode },
    unit: 'hour',
    asOf,
  }
}

/**
 * The price of a managed disk by GiB and month. Azure prices disks by steps of size; taken is the step of 128 GiB of each type, whose price
 * by GiB is that of the others to within a few per cent.
 */
export function volumePrice(item: RetailItem, asOf: Date): Price | undefined {
  const sku = volumeSkus[`${item.productName}/${item.skuName}`]
  if (sku === undefined || !isCurrent(item, asOf) || item.unitOfMeasure !== '1/Month') return undefined
  // Beside the disk itself there are rows for mounts, bursts and snapshots.
  if (item.meterName !== `${item.skuName} Disk`) return undefined
  return {
    region: item.armRegionName,
    kind: 'volume',
    sku,
    model: 'on_demand',
    price: { amount: halved(decimalOf(item.retailPrice), 7), currency: item.currencyCode },
    unit: 'gib_month',
    asOf,
  }
}

const volumeSkus: Readonly<Record<string, string>> = {
  'Standard HDD Managed Disks/S10 LRS': 'Standard_LRS',
  'Standard SSD Managed Disks/E10 LRS': 'StandardSSD_LRS',
  'Premium SSD Managed Disks/P10 LRS': 'Premium_LRS',
  'Standard SSD Managed Disks/E10 ZRS': 'StandardSSD_ZRS',
  'Premium SSD Managed Disks/P10 ZRS': 'Premium_ZRS',
}

/** Names of the steps of 128 GiB. */
export const volumeTiers = ['S10 LRS', 'E10 LRS', 'P10 LRS', 'E10 ZRS', 'P10 ZRS'] as const

const isCurrent = (
  { type, tierMinimumUnits, effectiveStartDate, isPrimaryMeterRegion }: RetailItem,
  asOf: Date,
) =>
  type === 'Consumption' &&
  tierMinimumUnits === 0 &&
  isPrimaryMeterRegion !== false &&
  new Date(effectiveStartDate).getTime() <= asOf.getTime()
