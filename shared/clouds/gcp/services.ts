import type { ClientOptions } from 'google-gax'
import { loadGax, type Gax } from '#shared/clouds/gcp/gax.ts'

/**
 * The services of Compute Engine that are used. Each is loaded from its own file at its first use: the package's index loads all hundred of
 * them, which costs 1.9 s and 210 MB (measured).
 */
const loaders = {
  Addresses: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/addresses_client.js')).AddressesClient(
      options,
      gax,
    ),
  Disks: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/disks_client.js')).DisksClient(options, gax),
  Firewalls: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/firewalls_client.js')).FirewallsClient(
      options,
      gax,
    ),
  GlobalOperations: async (options: ClientOptions, gax: Gax) =>
    new (
      await import('@google-cloud/compute/build/src/v1/global_operations_client.js')
    ).GlobalOperationsClient(options, gax),
  Images: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/images_client.js')).ImagesClient(options, gax),
  Instances: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/instances_client.js')).InstancesClient(
      options,
      gax,
    ),
  MachineTypes: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/machine_types_client.js')).MachineTypesClient(
      options,
      gax,
    ),
  Networks: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/networks_client.js')).NetworksClient(options, gax),
  Projects: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/projects_client.js')).ProjectsClient(options, gax),
  RegionOperations: async (options: ClientOptions, gax: Gax) =>
    new (
      await import('@google-cloud/compute/build/src/v1/region_operations_client.js')
    ).RegionOperationsClient(options, gax),
  Regions: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/regions_client.js')).RegionsClient(options, gax),
  Snapshots: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/snapshots_client.js')).SnapshotsClient(
      options,
      gax,
    ),
  Subnetworks: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/subnetworks_client.js')).SubnetworksClient(
      options,
      gax,
    ),
  ZoneOperations: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/zone_operations_client.js')).ZoneOperationsClient(
      options,
      gax,
    ),
  Zones: async (options: ClientOptions, gax: Gax) =>
    new (await import('@google-cloud/compute/build/src/v1/zones_client.js')).ZonesClient(options, gax),
}

export type ComputeServices = { [Name in keyof typeof loaders]: Awaited<ReturnType<(typeof loaders)[Name]>> }

/** Gives each service's client, made once. */
export function createServices(options: ClientOptions) {
  const made = new Map<string, Promise<unknown>>()
  return <Name extends keyof ComputeServices>(name: Name): Promise<ComputeServices[Name]> => {
    const known = made.get(name) ?? loaders[name](options, loadGax(Object.keys(loaders)))
    made.set(name, known)
    return known as Promise<ComputeServices[Name]>
  }
}
