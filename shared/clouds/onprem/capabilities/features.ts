import type { Capabilities } from '#shared/clouds/operations.ts'

/** What a house of its own offers beside what NovaCron operates there. */
const common: Omit<Capabilities['features'], 'network_acls' | 'private_networking'> = {
  vm_live_migration: { service: 'Live migration between hosts, storage included' },
  auto_scaling: { lacking: 'Hypervisors have no scaling groups.' },
  load_balancing: { lacking: 'Hypervisors have no load balancer.' },
  block_storage: { service: 'Storage pools of QCOW2 volumes' },
  object_storage: { service: 'NovaCron buckets in a folder, or an S3 service' },
  container_registry: { lacking: 'Hypervisors have no container registry.' },
  kubernetes: { lacking: 'Hypervisors run no Kubernetes of their own.' },
  spot_instances: { lacking: 'Hosts of your own have no spot market.' },
  reserved_instances: { lacking: 'Hosts of your own are paid for already.' },
  gpu_compute: { lacking: 'GPUs are not passed through.' },
  hpc_compute: { lacking: 'Neither CPU pinning nor SR-IOV is set up.' },
  database_services: { lacking: 'Hypervisors have no managed databases.' },
  ml_services: { lacking: 'Hypervisors have no machine learning services.' },
  vpn_gateway: { lacking: 'Hypervisors have no VPN gateway.' },
  direct_connect: { lacking: 'It is your own network already.' },
  identity_management: { lacking: 'Hypervisors have no identities for guests.' },
  key_management: { service: 'Keys of the registration, derived per volume (LUKS)' },
  audit_logging: { lacking: 'Hypervisors keep no audit log of their own; NovaCron’s job events are one.' },
  backup_services: { service: 'Incremental snapshots by dirty bitmaps' },
  disaster_recovery: { lacking: 'Nothing replicates between locations by itself.' },
}

export const qemuFeatures: Capabilities['features'] = {
  ...common,
  network_acls: { service: 'nftables on bridges; forwards by rule on user-mode networks' },
  private_networking: { lacking: 'User-mode networks keep machines apart from each other.' },
}

export const libvirtFeatures: Capabilities['features'] = {
  ...common,
  network_acls: { service: 'libvirt nwfilter' },
  private_networking: { service: 'libvirt NAT networks and bridges' },
}
