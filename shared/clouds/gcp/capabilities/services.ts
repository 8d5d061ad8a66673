import type { MachineOperation } from '#shared/clouds/gcp/capabilities/machines.ts'
import type { HostOperation } from '#shared/clouds/no-hosts.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

const globalWait = 'compute.globalOperations.wait'
const builds = ['cloudbuild.projects.builds.list', 'cloudbuild.projects.builds.create'] as const

/** Images, buckets, objects and what is observed, by the names of Google's REST references. */
export const serviceOperations: Omit<
  Capabilities['operations'],
  MachineOperation | HostOperation | 'compute.resize.live'
> = {
  'images.list': { calls: ['compute.images.list', 'compute.images.getIamPolicy'] },
  'images.get': { calls: ['compute.images.get', 'compute.images.getIamPolicy'] },
  'images.createFromVm': {
    calls: ['compute.images.insert'],
    note: 'An image holds one disk: a VM with data disks is refused.',
  },
  'images.importFile': {
    calls: ['compute.images.insert', 'storage.objects.get', ...builds],
    note: 'A .tar.gz with disk.raw is read by Compute Engine; other files by Google’s import tool in Cloud Build, whose service account needs the roles Compute Admin, Service Account User and Storage Admin. The disk stays as it is; ARM disks only as .tar.gz.',
  },
  'images.exportFile': {
    calls: [...builds],
    note: 'By Google’s export tool in Cloud Build, with the same roles. Its VHD files are dynamic ones and not on offer.',
  },
  'images.taskState': {
    calls: [
      'cloudbuild.projects.builds.get',
      'compute.globalOperations.get',
      'compute.images.get',
      'compute.images.getIamPolicy',
    ],
  },
  'images.delete': { calls: ['compute.images.delete', globalWait] },
  'storage.buckets.list': { calls: ['storage.buckets.list', 'storage.buckets.getIamPolicy'] },
  'storage.buckets.get': { calls: ['storage.buckets.get', 'storage.buckets.getIamPolicy'] },
  'storage.buckets.create': {
    calls: ['storage.buckets.insert', 'storage.buckets.get'],
    note: 'Tags are labels; one that does not fit is kept in an encoded form, up to 38 bytes.',
  },
  'storage.buckets.setLifecycle': {
    calls: ['storage.buckets.get', 'storage.buckets.patch'],
    note: 'Cool is the class Nearline. Ids of rules are kept in labels; rules of the same prefix are one.',
  },
  'storage.buckets.delete': {
    calls: ['storage.buckets.delete', 'storage.objects.list', 'storage.objects.delete'],
    note: 'With its objects: old versions too. What is deleted can be restored for seven days, unless the bucket says otherwise.',
  },
  'storage.objects.list': { calls: ['storage.objects.list'] },
  'storage.objects.write': {
    calls: ['storage.objects.insert', 'storage.objects.delete'],
    note: 'In a resumable upload whose MD5 Google checks.',
  },
  'storage.objects.read': { calls: ['storage.objects.get'] },
  'storage.objects.delete': { calls: ['storage.objects.delete'] },
  'metrics.vm': {
    calls: ['compute.instances.get', 'monitoring.projects.timeSeries.list'],
    note: 'Memory only where the Ops Agent runs in the guest.',
  },
  'quotas.list': { calls: ['compute.regions.get', 'compute.projects.get'] },
  'prices.list': {
    calls: ['cloudbilling.services.skus.list', 'compute.regions.get', 'compute.machineTypes.list'],
    note: 'Summed up from the prices of vCPUs and memory; types with GPUs or local disks are left out.',
  },
  'prices.list.spot': {
    calls: ['cloudbilling.services.skus.list', 'compute.regions.get', 'compute.machineTypes.list'],
  },
  'billing.rows': {
    calls: ['bigquery.jobs.query', 'bigquery.jobs.getQueryResults'],
    note: 'By day and resource, from the detailed billing export to BigQuery that options.billing_table names. Credits are taken off what is billed.',
  },
  'posture.inventory': {
    calls: [
      'compute.instances.aggregatedList',
      'compute.disks.aggregatedList',
      'compute.snapshots.list',
      'compute.images.list',
      'compute.images.getIamPolicy',
      'storage.buckets.list',
      'storage.buckets.getIamPolicy',
      'compute.firewalls.list',
      'compute.networks.list',
      'compute.subnetworks.list',
      'compute.addresses.list',
      'compute.projects.get',
    ],
  },
  'health.probe': { calls: ['compute.projects.get'] },
}

/** Services beside those that NovaCron operates. https://cloud.google.com/products */
export const gcpFeatures: Capabilities['features'] = {
  vm_live_migration: { service: 'Compute Engine live migration during host maintenance' },
  auto_scaling: { service: 'Managed instance groups with autoscaling' },
  load_balancing: { service: 'Cloud Load Balancing' },
  block_storage: { service: 'Persistent Disk and Hyperdisk' },
  object_storage: { service: 'Cloud Storage' },
  container_registry: { service: 'Artifact Registry' },
  kubernetes: { service: 'Google Kubernetes Engine' },
  spot_instances: { service: 'Spot VMs' },
  reserved_instances: { service: 'Committed use discounts' },
  gpu_compute: { service: 'Compute Engine GPUs' },
  hpc_compute: { service: 'H3 and C2 machine series with compact placement' },
  database_services: { service: 'Cloud SQL, AlloyDB and Spanner' },
  ml_services: { service: 'Vertex AI' },
  network_acls: { service: 'VPC firewall rules and hierarchical firewall policies' },
  private_networking: { service: 'Virtual Private Cloud' },
  vpn_gateway: { service: 'Cloud VPN' },
  direct_connect: { service: 'Cloud Interconnect' },
  identity_management: { service: 'Identity and Access Management' },
  key_management: { service: 'Cloud Key Management Service' },
  audit_logging: { service: 'Cloud Audit Logs' },
  backup_services: { service: 'Backup and DR Service' },
  disaster_recovery: { service: 'Backup and DR Service with asynchronous replication of Persistent Disks' },
}
