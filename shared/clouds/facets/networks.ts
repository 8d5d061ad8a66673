import type { CloudRef, CreationState, Intent } from '#shared/clouds/facets/terms.ts'

export interface CloudSubnet extends CloudRef {
  name: string
  /** Vendor's id of its network. */
  network: string
  cidr: string
  /** Where subnets belong to a zone (AWS). */
  zone?: string
  tags: Record<string, string>
}

export interface CloudNetwork extends CloudRef {
  name: string
  /** Address ranges; empty where only subnets have them (GCP). */
  cidrs: string[]
  state: CreationState
  /** Made by the cloud itself for every account. */
  isDefault: boolean
  subnets: CloudSubnet[]
  tags: Record<string, string>
}

/** One rule of a security group. It permits; what no rule permits is refused. */
export interface SecurityRule {
  direction: 'ingress' | 'egress'
  protocol: 'tcp' | 'udp' | 'icmp' | 'any'
  /** First and last port, for tcp and udp; both left out means all. */
  fromPort?: number
  toPort?: number
  /** IPv4 and IPv6 ranges that may call (ingress) or be called (egress). */
  cidrs: string[]
  description?: string
}

export interface CloudSecurityGroup extends CloudRef {
  name: string
  description: string
  /** Vendor's id of its network; undefined where groups stand alone (Azure). */
  network?: string
  rules: SecurityRule[]
  tags: Record<string, string>
}

/** A public address that is kept, whether or not it is in use. */
export interface CloudAddress extends CloudRef {
  name: string
  /** Undefined while the cloud has not given it. */
  ip?: string
  /** Vendor's id of the VM that it leads to. */
  vm?: string
  tags: Record<string, string>
}

/** VPCs or virtual networks and what belongs to them. Deleting is safe to repeat; what is in use throws CloudError `conflict`. */
export interface NetworksFacet {
  /** All networks with their subnets, paged to the end. */
  list(query: { region: string }): AsyncIterable<CloudNetwork>
  get(ref: CloudRef): Promise<CloudNetwork | undefined>
  /** `cidr`: e.g. `10.20.0.0/16`. Ready when it returns. VMs in its subnets can reach the internet. */
  create(request: Intent & { region: string; name: string; cidr: string }): Promise<CloudRef>
  delete(ref: CloudRef): Promise<void>

  readonly subnets: {
    create(
      request: Intent & { network: CloudRef; name: string; cidr: string; zone?: string },
    ): Promise<CloudRef>
    delete(ref: CloudRef): Promise<void>
  }

  readonly securityGroups: {
    list(query: { region: string }): AsyncIterable<CloudSecurityGroup>
    get(ref: CloudRef): Promise<CloudSecurityGroup | undefined>
    /** `network` undefined is the default one. Without egress rules everything may be called. */
    create(
      request: Intent & {
        region: string
        network?: CloudRef
        name: string
        description: string
        rules: SecurityRule[]
      },
    ): Promise<CloudRef>
    /** Makes the rules exactly these. Permits are added before others are taken away, so that nothing is cut off in between. */
    setRules(ref: CloudRef, rules: SecurityRule[]): Promise<void>
    delete(ref: CloudRef): Promise<void>
  }

  readonly addresses: {
    list(query: { region: string }): AsyncIterable<CloudAddress>
    get(ref: CloudRef): Promise<CloudAddress | undefined>
    create(request: Intent & { region: string; name: string }): Promise<CloudRef>
    /** Leads it to the VM's first interface, in place of the public address that it may have. */
    associate(ref: CloudRef, vm: CloudRef): Promise<void>
    disassociate(ref: CloudRef): Promise<void>
    delete(ref: CloudRef): Promise<void>
  }
}
