import type { Quota } from '#shared/clouds/port.ts'

/** What a quota of the vendor is to us. `factor`: our units in one of the vendor's. */
export interface KnownQuota {
  kind: NonNullable<Quota['kind']>
  family?: string
  unit: string
  factor?: number
  /** What is counted where the vendor measures no usage. */
  counted?: 'addresses' | 'networks' | 'security_groups' | 'snapshots' | 'gp2' | 'gp3'
}

/** By Service Quotas' own codes: "Amazon EC2 service quotas", "Amazon EBS quotas", "Amazon VPC quotas". */
export const knownQuotas: Readonly<Record<string, KnownQuota>> = {
  'L-1216C47A': { kind: 'vcpus', family: 'standard', unit: 'vCPU' },
  'L-DB2E81BA': { kind: 'vcpus', family: 'g', unit: 'vCPU' },
  'L-417A185B': { kind: 'vcpus', family: 'p', unit: 'vCPU' },
  'L-74FC7D96': { kind: 'vcpus', family: 'f', unit: 'vCPU' },
  'L-7295265B': { kind: 'vcpus', family: 'x', unit: 'vCPU' },
  'L-1945791B': { kind: 'vcpus', family: 'inf', unit: 'vCPU' },
  'L-2C3B7624': { kind: 'vcpus', family: 'trn', unit: 'vCPU' },
  'L-43DA4232': { kind: 'vcpus', family: 'u', unit: 'vCPU' },
  'L-34B43A08': { kind: 'spot_vcpus', family: 'standard', unit: 'vCPU' },
  'L-3819A6DF': { kind: 'spot_vcpus', family: 'g', unit: 'vCPU' },
  'L-7212CCBC': { kind: 'spot_vcpus', family: 'p', unit: 'vCPU' },
  'L-0263D0A3': { kind: 'addresses', unit: 'address', counted: 'addresses' },
  'L-F678F1CE': { kind: 'networks', unit: 'network', counted: 'networks' },
  'L-E79EC296': { kind: 'security_groups', unit: 'group', counted: 'security_groups' },
  'L-309BACF6': { kind: 'snapshots', unit: 'snapshot', counted: 'snapshots' },
  'L-7A658B76': { kind: 'volume_gib', family: 'gp3', unit: 'GiB', factor: 1024, counted: 'gp3' },
  'L-D18FCD1D': { kind: 'volume_gib', family: 'gp2', unit: 'GiB', factor: 1024, counted: 'gp2' },
}
