import { join } from 'node:path'
import { openGcp } from '#shared/clouds/gcp/gcp.ts'
import { realClock } from '#test/clouds/core/clock.ts'
import { createSignIn } from '#test/clouds/gcp/signin.ts'
import { machineCases } from '#test/shared/clouds/gcp/recorded/machines.ts'
import { networkCases } from '#test/shared/clouds/gcp/recorded/networks.ts'
import { serviceCases } from '#test/shared/clouds/gcp/recorded/services.ts'
import { throttlingCases } from '#test/shared/clouds/gcp/recorded/throttling.ts'
import { recorded } from '#test/shared/clouds/recorded.ts'

const signIn = createSignIn({ project: 'my-project', clock: realClock, tokenSeconds: 3600 })
const services = ['token', 'compute', 'storage', 'cloudbuild', 'monitoring', 'cloudbilling', 'bigquery']

recorded('Google Cloud', {
  responses: join(import.meta.dirname, 'responses'),
  tls: false,
  signIn: (request) => (request.url.pathname === '/token' ? signIn.exchange(request) : undefined),
  open: ({ url }) =>
    openGcp({
      providerId: 'gcp-recorded',
      type: 'gcp',
      credentials: signIn.credentials,
      regions: ['europe-west1'],
      defaultRegion: 'europe-west1',
      endpoints: Object.fromEntries(services.map((service) => [service, url])),
      options: {
        poll_ms: 1,
        consistency_ms: 0,
        throttle_wait_ms: 0,
        billing_table: 'my-project.billing.gcp_billing_export_resource_v1_01C0DE_4B0001_ABCDEF',
      },
      workerId: 'worker-7f3a',
    }),
  cases: [...machineCases, ...networkCases, ...serviceCases, ...throttlingCases],
})
