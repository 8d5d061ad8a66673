import { z } from 'zod'
import { operation, pageOf, type JsonService } from '#test/clouds/aws/json/service.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'

/** Service Quotas: the vendor's own codes and names. The vCPU quota is the one that RunInstances keeps here. */
export const serviceQuotas: JsonService = {
  name: 'servicequotas',
  target: 'ServiceQuotasV20190624',
  version: '1.1',
  invalid: 'IllegalArgumentException',
  operations: {
    ListServiceQuotas: operation(
      z.strictObject({
        ServiceCode: z.string().regex(/^[a-zA-Z][\w-]*$/),
        NextToken: z.string().optional(),
        MaxResults: z.int().min(1).max(100).optional(),
        QuotaCode: z.string().optional(),
        QuotaAppliedAtLevel: z.enum(['ACCOUNT', 'RESOURCE', 'ALL']).optional(),
      }),
      ({ NextToken: token, MaxResults: limit = 100, ...listing }, { world, region }) => {
        const { ServiceCode, QuotaCode } = listing
        const quotas = catalogue[ServiceCode]
        if (!quotas)
          throw new Refusal(
            'NoSuchResourceException',
            `The request failed because the specified service does not exist.`,
          )
        const found = quotas.filter(({ code }) => QuotaCode === undefined || QuotaCode === code)
        const { page, next } = pageOf(world, found, {
          listing,
          limit,
          token,
          invalid: 'InvalidPaginationTokenException',
        })
        return {
          NextToken: next,
          Quotas: page.map(({ code, name, value, usage }) => ({
            ServiceCode,
            ServiceName: serviceNames[ServiceCode],
            QuotaArn: `arn:aws:servicequotas:${region.name}:${world.accountId}:${ServiceCode}/${code}`,
            QuotaCode: code,
            QuotaName: name,
            Value: code === 'L-1216C47A' ? world.vcpuQuota : value,
            Unit: 'None',
            Adjustable: true,
            GlobalQuota: false,
            QuotaAppliedAtLevel: 'ACCOUNT',
            ...(usage === undefined
              ? {}
              : {
                  UsageMetric: {
                    MetricNamespace: 'AWS/Usage',
                    MetricName: 'ResourceCount',
                    MetricDimensions: { Service: 'EC2', Type: 'Resource', Resource: 'vCPU', Class: usage },
                    MetricStatisticRecommendation: 'Maximum',
                  },
                }),
          })),
        }
      },
    ),
  },
}

const serviceNames: Readonly<Record<string, string>> = {
  ec2: 'Amazon Elastic Compute Cloud (Amazon EC2)',
  ebs: 'Amazon Elastic Block Store (Amazon EBS)',
  vpc: 'Amazon Virtual Private Cloud (Amazon VPC)',
}

interface Entry {
  code: string
  name: string
  value: number
  usage?: string
}

const catalogue: Readonly<Record<string, Entry[]>> = {
  ec2: [
    {
      code: 'L-1216C47A',
      name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
      value: 512,
      usage: 'Standard/OnDemand',
    },
    {
      code: 'L-34B43A08',
      name: 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests',
      value: 640,
      usage: 'Standard/Spot',
    },
    { code: 'L-DB2E81BA', name: 'Running On-Demand G and VT instances', value: 64, usage: 'G/OnDemand' },
    { code: 'L-3819A6DF', name: 'All G and VT Spot Instance Requests', value: 64, usage: 'G/Spot' },
    { code: 'L-417A185B', name: 'Running On-Demand P instances', value: 64, usage: 'P/OnDemand' },
    { code: 'L-7212CCBC', name: 'All P4, P3 and P2 Spot Instance Requests', value: 64, usage: 'P/Spot' },
    { code: 'L-0263D0A3', name: 'EC2-VPC Elastic IPs', value: 5 },
    { code: 'L-0E3CBAB9', name: 'AMIs', value: 50_000 },
  ],
  ebs: [
    { code: 'L-D18FCD1D', name: 'Storage for General Purpose SSD (gp2) volumes, in TiB', value: 50 },
    { code: 'L-7A658B76', name: 'Storage for General Purpose SSD (gp3) volumes, in TiB', value: 50 },
    { code: 'L-309BACF6', name: 'Snapshots per Region', value: 100_000 },
  ],
  vpc: [
    { code: 'L-F678F1CE', name: 'VPCs per Region', value: 5 },
    { code: 'L-E79EC296', name: 'VPC security groups per Region', value: 2500 },
    { code: 'L-407747CB', name: 'Subnets per VPC', value: 200 },
  ],
}
