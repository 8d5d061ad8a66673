import type { CloudName } from '#test/crash/pair.ts'

/**
 * Every call of a migration that makes, changes or removes something as a whole. A step is tried again after each reply that is lost, and waits longer each
 * time: `inOneStep` are further ones, of a step that has enough of them, for the sweep.
 */
export const wholeCalls: Record<
  CloudName,
  { source: string[]; destination: string[]; inOneStep?: string[] }
> = {
  aws: {
    source: ['StopInstances', 'CreateSnapshot', 'DeleteSnapshot'],
    destination: ['StartSnapshot', 'CompleteSnapshot', 'RegisterImage', 'RunInstances', 'DeregisterImage'],
  },
  azure: {
    source: ['VirtualMachines_Deallocate', 'Snapshots_CreateOrUpdate', 'Snapshots_Delete'],
    destination: [
      'Disks_CreateOrUpdate',
      'Disks_RevokeAccess',
      'NetworkInterfaces_CreateOrUpdate',
      'VirtualMachines_CreateOrUpdate',
    ],
  },
  gcp: {
    source: [
      'compute.instances.stop',
      'compute.disks.createSnapshot',
      'cloudbuild.projects.builds.create',
      'storage.objects.delete',
      'compute.snapshots.delete',
    ],
    destination: [
      'storage.buckets.insert',
      'storage.objects.insert',
      'storage.objects.compose',
      'compute.images.insert',
      'cloudbuild.projects.builds.create',
      'compute.instances.insert',
      'compute.images.delete',
      'storage.objects.delete',
    ],
    inOneStep: [
      'compute.images.insert',
      'storage.buckets.insert',
      'storage.objects.insert',
      'compute.images.delete',
    ],
  },
}
