/** One metric with its samples, as Prometheus scrapes them. */
export interface Family {
  /** By Prometheus' conventions: `novacron_` first, the unit at the end, `_total` at the end of a counter. */
  name: string
  type: 'gauge' | 'counter' | 'histogram'
  help: string
  samples: Sample[]
}

export interface Sample {
  /** Of a histogram's samples; others have none. */
  suffix?: '_bucket' | '_sum' | '_count'
  labels?: Readonly<Record<string, string>>
  value: number
}

export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Writes the text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/. By hand, because the client libraries hold the numbers of
 * their own process and take no counter or histogram that was added up elsewhere.
 */
export function expose(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) =>
      [
        `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`,
        `# TYPE ${name} ${type}\n`,
        ...samples.map(
          ({ suffix = '', labels = {}, value }) => `${name}${suffix}${inBraces(labels)} ${textOf(value)}\n`,
        ),
      ].join(''),
    )
    .join('')
}

function inBraces(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

const textOf = (value: number): string =>
  Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN'
