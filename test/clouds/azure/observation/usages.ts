import {
  page,
  regions,
  sizeNamed,
  sizes,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'

/** Limits and what is used of them, by service; what is used is counted when asked. */

interface Usage {
  name: string
  shown: string
  used: number
  limit: number
}

export const computeUsages: ArmHandler = (context, request) => {
  const region = regionOf(request)
  const vms = context.estate.list('vm').filter(({ location }) => location === region)
  const disks = context.estate.list('disk').filter(({ location }) => location === region)
  const snapshots = context.estate.list('snapshot').filter(({ location }) => location === region)
  // A deallocated VM gives its cores back.
  const running = vms.filter(({ life }) => !['deallocated', 'failed'].includes(life.state()))
  const cores = (of: typeof running) => of.reduce((sum, { size }) => sum + (sizeNamed(size)?.vcpus ?? 0), 0)
  const families = [...new Set(sizes.map(({ family }) => family))]
  return show(context, request, 'Microsoft.Compute', [
    { name: 'availabilitySets', shown: 'Availability Sets', used: 0, limit: 2500 },
    { name: 'cores', shown: 'Total Regional vCPUs', used: cores(running), limit: context.coreQuota },
    { name: 'virtualMachines', shown: 'Virtual Machines', used: vms.length, limit: 25_000 },
    { name: 'lowPriorityCores', shown: 'Total Regional Spot vCPUs', used: 0, limit: 100 },
    ...families.map((family) => ({
      name: family,
      shown: `${family} vCPUs`,
      used: cores(running.filter(({ size }) => sizeNamed(size)?.family === family)),
      limit: context.coreQuota,
    })),
    {
      name: 'StandardSSDDiskCount',
      shown: 'StandardSSDStorageDisks',
      used: disks.filter(({ sku }) => sku === 'StandardSSD_LRS').length,
      limit: 50_000,
    },
    {
      name: 'StandardSnapshotCount',
      shown: 'StandardStorageSnapshots',
      used: snapshots.length,
      limit: 75_000,
    },
  ])
}

export const networkUsages: ArmHandler = (context, request) => {
  const region = regionOf(request)
  const count = (kind: 'network' | 'address' | 'nic' | 'nsg') =>
    context.estate.list(kind).filter(({ location }) => location === region).length
  return show(context, request, 'Microsoft.Network', [
    { name: 'VirtualNetworks', shown: 'Virtual Networks', used: count('network'), limit: 1000 },
    { name: 'PublicIPAddresses', shown: 'Public IP Addresses', used: count('address'), limit: 1000 },
    { name: 'NetworkInterfaces', shown: 'Network Interfaces', used: count('nic'), limit: 65_536 },
    { name: 'NetworkSecurityGroups', shown: 'Network Security Groups', used: count('nsg'), limit: 5000 },
  ])
}

export const storageUsages: ArmHandler = (context, request) => {
  const region = regionOf(request)
  const used = [...context.accounts.values()].filter(({ location }) => location === region).length
  return show(context, request, 'Microsoft.Storage', [
    { name: 'StorageAccounts', shown: 'Storage Accounts', used, limit: 250 },
  ])
}

function regionOf({ path }: ArmRequest): string {
  const region = path['region'] ?? ''
  if (regions.some(({ name }) => name === region)) return region
  throw new Refusal(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${region}'.`,
  )
}

const show = (context: Context, request: ArmRequest, provider: string, usages: Usage[]) =>
  page(
    context,
    request,
    `/subscriptions/${context.subscription}/providers/${provider}/locations/${request.path['region']}/usages`,
    usages.map(({ name, shown, used, limit }) => ({
      unit: 'Count',
      currentValue: used,
      limit,
      name: { value: name, localizedValue: shown },
    })),
  )
