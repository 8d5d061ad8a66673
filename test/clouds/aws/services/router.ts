import type { PlainRequest } from '#test/clouds/core/server.ts'
import { readEbsRequest } from '#test/clouds/aws/ebs.ts'
import { readEc2Request } from '#test/clouds/aws/ec2.ts'
import { costExplorer } from '#test/clouds/aws/json/cost-explorer.ts'
import { cloudWatch } from '#test/clouds/aws/json/cloudwatch.ts'
import { kms } from '#test/clouds/aws/json/kms.ts'
import { pricing } from '#test/clouds/aws/json/pricing.ts'
import { serviceQuotas } from '#test/clouds/aws/json/quotas.ts'
import { readJsonRequest, type JsonService } from '#test/clouds/aws/json/service.ts'
import { readS3Request } from '#test/clouds/aws/s3/request.ts'
import type { ServiceRequest } from '#test/clouds/aws/services/request.ts'
import { readStsRequest } from '#test/clouds/aws/services/sts.ts'
import { serviceOf, type Account } from '#test/clouds/aws/signature.ts'
import type { World } from '#test/clouds/aws/world.ts'

/** The services of this cloud share one address; the one that a request is signed for answers it. */
export function readRequest(request: PlainRequest, world: World, account: Account): ServiceRequest {
  const service = serviceOf(request)
  const json = jsonServices.find(({ name }) => name === service)
  if (json) return readJsonRequest(request, world, account, json)
  if (service === 's3') return readS3Request(request, world, account)
  if (service === 'sts') return readStsRequest(request, world, account)
  const isEc2 = service === 'ec2' || (service === undefined && request.url.pathname === '/')
  return (isEc2 ? readEc2Request : readEbsRequest)(request, world, account)
}

const jsonServices: readonly JsonService[] = [cloudWatch, pricing, costExplorer, serviceQuotas, kms]
