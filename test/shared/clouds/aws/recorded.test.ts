import { join } from 'node:path'
import { openAws } from '#shared/clouds/aws/aws.ts'
import { awsServices } from '#shared/clouds/aws/settings.ts'
import { diskCases } from '#test/shared/clouds/aws/recorded/disks.ts'
import { machineCases } from '#test/shared/clouds/aws/recorded/machines.ts'
import { networkCases } from '#test/shared/clouds/aws/recorded/networks.ts'
import { serviceCases } from '#test/shared/clouds/aws/recorded/services.ts'
import { recorded } from '#test/shared/clouds/recorded.ts'

recorded('AWS', {
  responses: join(import.meta.dirname, 'responses'),
  tls: false,
  open: ({ url }) =>
    openAws({
      providerId: 'aws-recorded',
      type: 'aws',
      credentials: { access_key_id: 'AKIAIOSFODNN7EXAMPLE', secret_access_key: 'wJalrXUtnFEMI/K7MDENG' },
      regions: ['eu-west-1'],
      defaultRegion: 'eu-west-1',
      endpoints: Object.fromEntries(awsServices.map((service) => [service, url])),
      options: { consistency_ms: 0, poll_ms: 1, throttle_wait_ms: 0 },
      workerId: 'worker-7f3a',
    }),
  cases: [...machineCases, ...diskCases, ...networkCases, ...serviceCases],
})
