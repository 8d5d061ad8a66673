import { CloudCalls, CloudCallTotals } from '#db/entities/calls.ts'
import { CloudProvider, Credential } from '#db/entities/provider.ts'
import { IdempotencyKey, Job, JobEvent, JobStep, OutboxMessage } from '#db/entities/job.ts'
import { Migration } from '#db/entities/migration.ts'
import { MulticloudVm } from '#db/entities/vm.ts'
import { RateBucket } from '#db/entities/rate.ts'
import { CloudReading } from '#db/entities/reading.ts'
import { CloudResource } from '#db/entities/resource.ts'
import { Tenant } from '#db/entities/tenant.ts'
import { CopiedChunk, DiskTransfer } from '#db/entities/transfer.ts'
import { Webhook, WebhookDelivery } from '#db/entities/webhook.ts'

/** Every table that the schema owns. */
export const entities = [
  Tenant,
  CloudProvider,
  Credential,
  MulticloudVm,
  CloudResource,
  CloudReading,
  CloudCalls,
  CloudCallTotals,
  Migration,
  Job,
  JobStep,
  JobEvent,
  OutboxMessage,
  IdempotencyKey,
  RateBucket,
  Webhook,
  WebhookDelivery,
  DiskTransfer,
  CopiedChunk,
]
