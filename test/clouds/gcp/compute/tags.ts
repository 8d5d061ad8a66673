import type { Thing } from '#test/clouds/gcp/compute/world.ts'

/**
 * What a leak test knows a thing by: its labels, and what its description (or, of a VM, its metadata) keeps as JSON. Written down apart from the
 * adapter, so that both have to agree.
 */
export function tagsOf({ body }: Pick<Thing, 'body'>): Record<string, string> {
  const labels = (body['labels'] ?? {}) as Record<string, string>
  const metadata = (body['metadata'] as { items?: { key: string; value: string }[] } | undefined)?.items ?? []
  const kept = metadata.find(({ key }) => key === 'novacron-tags')?.value ?? body['description']
  return { ...labels, ...parse(kept) }
}

function parse(text: unknown): Record<string, string> {
  if (typeof text !== 'string' || !text.startsWith('{')) return {}
  try {
    return (JSON.parse(text) as { tags?: Record<string, string> }).tags ?? {}
  } catch {
    return {}
  }
}
