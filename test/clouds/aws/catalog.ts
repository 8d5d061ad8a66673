import types from '#test/clouds/aws/types.json' with { type: 'json' }

export interface InstanceType {
  name: string
  vcpus: number
  memoryMib: number
  architecture: string
  gpus: number
  bootModes: string[]
  network: string
}

/** Some sixty of EC2's types, with their real figures. */
export const instanceTypes: readonly InstanceType[] = types

export const regionZones: Readonly<Record<string, string[]>> = {
  'us-east-1': ['us-east-1a', 'us-east-1b', 'us-east-1c'],
  'us-west-2': ['us-west-2a', 'us-west-2b', 'us-west-2c'],
  'eu-west-1': ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'],
}

/** Types of the older Xen generation: no ENA needed, and no latest console output. */
export const isXen = (typeName: string): boolean => /^(t2|p3)\./.test(typeName)
export const isBurstable = (typeName: string): boolean => /^t\d/.test(typeName)

/** EC2 User Guide, "Prerequisites for EC2 instance hibernation": families that can, bare metal never. */
export const canHibernate = (typeName: string): boolean =>
  /^(c[3-7]\w*|m[3-7]\w*|r[3-7]\w*|t[23]a?|i3\w*)\./.test(typeName) && !/metal/.test(typeName)
