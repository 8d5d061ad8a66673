/** Everything that can be permitted, with what it allows. Every route names one of these. */
export const permissions = {
  'providers:read': 'See providers, their health, capabilities, quotas and prices, and have them read anew',
  'providers:sync': 'Have what is in a provider’s cloud taken into the books',
  'providers:manage': 'Register, change and remove providers',
  'vms:read': 'See VMs',
  'vms:create': 'Create VMs',
  'vms:operate': 'Start, stop, restart, suspend, resume and change VMs',
  'vms:delete': 'Delete VMs',
  'networks:read': 'See networks, subnets, security groups and addresses',
  'networks:manage': 'Create, change and delete networks, subnets, security groups and addresses',
  'storage:read': 'See volumes, snapshots, images and buckets',
  'storage:manage': 'Create, change, restore and delete volumes, snapshots, images and buckets',
  'migrations:read': 'See migrations',
  'migrations:create': 'Migrate VMs',
  'jobs:read': 'See jobs and their events',
  'jobs:control': 'Cancel and retry jobs',
  'webhooks:read': 'See webhooks and their deliveries',
  'webhooks:manage': 'Create, change, test and remove webhooks',
  'metrics:read': 'Scrape the metrics of NovaCron itself, which show all tenants',
  'board:view': 'See the queue board, which shows all tenants',
  'board:act': 'Pause queues and move queue entries on the board',
} as const

export type Permission = keyof typeof permissions

const viewer: readonly Permission[] = [
  'providers:read',
  'vms:read',
  'networks:read',
  'storage:read',
  'migrations:read',
  'jobs:read',
  'webhooks:read',
]
const operator: readonly Permission[] = [
  ...viewer,
  'providers:sync',
  'vms:create',
  'vms:operate',
  'vms:delete',
  'networks:manage',
  'storage:manage',
  'migrations:create',
  'jobs:control',
]
const admin: readonly Permission[] = [...operator, 'providers:manage', 'webhooks:manage']

/** What each role may do within the tenant of its token. `platform` is for who runs NovaCron itself, `monitor` for what watches it. */
export const roles = {
  viewer,
  operator,
  admin,
  monitor: ['metrics:read'],
  platform: [...admin, 'metrics:read', 'board:view', 'board:act'],
} as const satisfies Record<string, readonly Permission[]>

export type Role = keyof typeof roles

export const isRole = (name: string): name is Role => Object.hasOwn(roles, name)

/** The permissions of several roles together. */
export const permissionsOf = (names: readonly Role[]): ReadonlySet<Permission> =>
  new Set(names.flatMap((name) => roles[name]))

/** Roles that hold a permission, for messages. */
export const rolesWith = (permission: Permission): Role[] =>
  (Object.keys(roles) as Role[]).filter((name) => roles[name].includes(permission as never))
