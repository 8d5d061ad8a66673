import { z } from '@hono/zod-openapi'
import type { LifecycleRule, SecurityRule } from '#shared/clouds/port.ts'

/** A security group's rule, as it is shown and as it is sent. */
export const securityRule = z
  .strictObject({
    direction: z.enum(['ingress', 'egress']),
    protocol: z.enum(['tcp', 'udp', 'icmp', 'any']),
    from_port: z.int().min(0).max(65_535).optional(),
    to_port: z.int().min(0).max(65_535).optional(),
    cidrs: z
      .array(z.string().max(64))
      .min(1)
      .max(50)
      .openapi({ example: ['10.0.0.0/8'] }),
    description: z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9 ._\-:/()#,@[\]+=&;{}!$*]*$/, 'has a character that not every cloud takes')
      .optional(),
  })
  .openapi('SecurityRule', {
    description:
      'Permits; what no rule permits is refused. Ports only for tcp and udp; both left out is all.',
  })

export const lifecycleRule = z
  .strictObject({
    id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, dashes or underscores'),
    prefix: z.string().max(512).default(''),
    cool_after_days: z.int().min(1).max(36_500).optional(),
    archive_after_days: z.int().min(1).max(36_500).optional(),
    expire_after_days: z.int().min(1).max(36_500).optional(),
  })
  .openapi('LifecycleRule', {
    description: 'What becomes of objects whose key begins with `prefix`, in days since they were made.',
  })

export type RuleBody = z.output<typeof securityRule>
export type LifecycleBody = z.output<typeof lifecycleRule>

export const ruleOf = ({
  from_port: fromPort,
  to_port: toPort,
  description,
  ...rest
}: RuleBody): SecurityRule => ({
  ...rest,
  ...(fromPort === undefined ? {} : { fromPort }),
  ...(toPort === undefined ? {} : { toPort }),
  ...(description === undefined ? {} : { description }),
})

export const ruleView = ({ fromPort, toPort, ...rest }: SecurityRule): RuleBody => ({
  direction: rest.direction,
  protocol: rest.protocol,
  ...(fromPort === undefined ? {} : { from_port: fromPort }),
  ...(toPort === undefined ? {} : { to_port: toPort }),
  cidrs: rest.cidrs,
  ...(rest.description === undefined ? {} : { description: rest.description }),
})

export const lifecycleOf = ({ id, prefix, ...days }: LifecycleBody): LifecycleRule => ({
  id,
  prefix,
  ...(days.cool_after_days === undefined ? {} : { coolAfterDays: days.cool_after_days }),
  ...(days.archive_after_days === undefined ? {} : { archiveAfterDays: days.archive_after_days }),
  ...(days.expire_after_days === undefined ? {} : { expireAfterDays: days.expire_after_days }),
})

export const lifecycleView = ({ id, prefix, ...days }: LifecycleRule): LifecycleBody => ({
  id,
  prefix,
  ...(days.coolAfterDays === undefined ? {} : { cool_after_days: days.coolAfterDays }),
  ...(days.archiveAfterDays === undefined ? {} : { archive_after_days: days.archiveAfterDays }),
  ...(days.expireAfterDays === undefined ? {} : { expire_after_days: days.expireAfterDays }),
})
