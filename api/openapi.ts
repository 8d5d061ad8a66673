import type { OpenAPIHono } from '@hono/zod-openapi'
import packageJson from '#package.json' with { type: 'json' }
import { permissions, roles } from '#api/auth/permissions.ts'
import { problems } from '#api/http/problems.ts'

/** The OpenAPI 3.1 document of the routes that are mounted on `app`. */
export function openApiDocument(app: OpenAPIHono, publicUrl: string | undefined) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'A JSON Web Token with the claims `tenant`, `roles` and `sub`. For development: `npm run token -- --role admin --tenant acme`.',
  })
  return {
    ...app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'NovaCron', version: packageJson.version, description },
      servers: [{ url: publicUrl?.replace(/\/+$/, '') ?? '/' }],
      tags: [
        { name: 'Providers', description: 'Cloud accounts.' },
        { name: 'VMs', description: 'Virtual machines on any provider.' },
        { name: 'Networks', description: 'Networks, subnets, security groups and public addresses.' },
        { name: 'Storage', description: 'Volumes, snapshots, images and buckets.' },
        {
          name: 'Hosts',
          description:
            'Hypervisor hosts of on-premise providers: their capacity, draining, and moving VMs between them.',
        },
        { name: 'Insights', description: 'Metrics, quotas and prices, as the clouds tell them.' },
        { name: 'Migrations', description: 'Moves of a VM from one provider to another.' },
        { name: 'Jobs', description: 'Everything slow: follow it, cancel it, retry it.' },
        { name: 'Webhooks', description: 'Being told when a job has finished.' },
      ],
    }),
    'x-problems': Object.entries(problems).map(([code, [status, title]]) => ({ code, status, title })),
    'x-permissions': Object.entries(permissions).map(([name, meaning]) => ({
      name,
      meaning,
      roles: Object.entries(roles).flatMap(([role, held]) =>
        (held as readonly string[]).includes(name) ? [role] : [],
      ),
    })),
  }
}

const description = [
  'One API that provisions and moves virtual machines across clouds.',
  'Everything slow is a job: the answer is `202` with the job and its links; `Prefer: wait=30` holds the answer until it has finished, and `GET …/events` follows it live.',
  'Errors are `application/problem+json` with a stable `code`, what happened, and what to do about it. A body that cannot be parsed is 400; a request that can be read but is not valid is 422, with every wrong field in `errors`.',
  'Requests are counted per caller (the `sub` of the token) and per tenant: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) tell the quotas and what is left of them; one too many is 429 with `Retry-After`, and did nothing.',
  'Lists have `limit` and `cursor`. Every POST takes an `Idempotency-Key`. What can be changed has an `ETag`, and a change needs `If-Match`.',
].join('\n\n')
