import { readFileSync, writeFileSync } from 'node:fs'
import { capabilitiesByCloud } from '#shared/clouds/capabilities.ts'
import {
  features,
  operations,
  type Capabilities,
  type Capability,
  type Feature,
  type Operation,
} from '#shared/clouds/operations.ts'

const page = new URL('../../shared/clouds/CAPABILITIES.md', import.meta.url)

const cloudNames: Readonly<Record<keyof typeof capabilitiesByCloud, string>> = {
  aws: 'AWS',
  azure: 'Azure',
  gcp: 'Google Cloud',
  'on-premise/qemu': 'On-premise, QEMU',
  'on-premise/libvirt': 'On-premise, libvirt',
}
const clouds = Object.entries(capabilitiesByCloud) as [keyof typeof capabilitiesByCloud, Capabilities][]

/** The page as it should be, made of what the adapters declare. */
export function renderCapabilities(): string {
  const groups = Object.entries(
    Object.groupBy(Object.keys(operations) as Operation[], (operation) => operation.split('.')[0] ?? ''),
  )
  return [
    '# What each cloud does',
    'Operations of the cloud port (`port.ts`) with the vendor’s calls behind them, and what a cloud lacks with the reason. ' +
      'Made of the adapters’ own declarations (`<cloud>/capabilities.ts`) by `node test/docs/capabilities.ts`; the conformance suite compares ' +
      'those with the calls that are really made.',
    ...groups.flatMap(([facet, of = []]) => [
      `## ${capitalised(facet)}`,
      table('operation', of.map(operationRow)),
    ]),
    '## Features',
    'Services of the cloud beside what NovaCron operates, for placement by `required_capabilities`.',
    table('feature', features.map(featureRow)),
  ]
    .join('\n\n')
    .concat('\n')
}

export const readCapabilities = (): string => readFileSync(page, 'utf8')

/** Rows of the first cell and one for each cloud. */
function table(first: string, rows: string[][]): string {
  const head = [first, ...clouds.map(([type]) => cloudNames[type])]
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const operationRow = (operation: Operation): string[] => [
  `${operations[operation]}<br>\`${operation}\``,
  ...clouds.map(([, declared]) => capabilityCell(declared.operations[operation])),
]

const featureRow = (feature: Feature): string[] => [
  `\`${feature}\``,
  ...clouds.map(([, declared]) => {
    const offered = declared.features[feature]
    return cell('service' in offered ? [offered.service] : [`**lacking:** ${offered.lacking}`])
  }),
]

function capabilityCell(capability: Capability): string {
  if ('calls' in capability) {
    const calls = capability.calls.map((call) => `\`${call}\``).join(', ')
    return cell([calls, capability.note])
  }
  return cell([`**lacking:** ${capability.lacking}`, capability.remedy])
}

const cell = (lines: (string | undefined)[]): string =>
  lines
    .filter((line) => line !== undefined)
    .map((line) => line.replaceAll('|', String.raw`\|`))
    .join('<br>')

const capitalised = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`

if (process.argv[1] === import.meta.filename) writeFileSync(page, renderCapabilities())
