import type { Staging } from '#shared/clouds/gcp/disks/staging.ts'

/** Most objects that one compose call takes. */
const mostSources = 32

/**
 * Puts any number of objects one after the other as one, by a tree of compose calls: 32 become one, and 32 of those again. Memory holds at most
 * 32 names per level. Done again after a crash it overwrites what it made.
 */
export async function composeAll(
  staging: Staging,
  region: string,
  {
    prefix,
    target,
    parts,
    tags,
  }: { prefix: string; target: string; parts: AsyncIterable<string>; tags: Record<string, string> },
): Promise<void> {
  const bucket = staging.bucketOf(region)
  const levels: { keys: string[]; made: number }[] = []
  const compose = (key: string, sources: readonly string[]) =>
    staging.objects.compose(bucket, key, sources, { contentType: 'application/gzip', metadata: tags })

  const add = async (level: number, key: string): Promise<void> => {
    const here = (levels[level] ??= { keys: [], made: 0 })
    if (here.keys.length === mostSources) {
      const joined = `${prefix}joined/${level}-${String(here.made++).padStart(9, '0')}.gz`
      await compose(joined, here.keys.splice(0))
      await add(level + 1, joined)
    }
    here.keys.push(key)
  }
  for await (const part of parts) await add(0, part)

  // What is left on each level comes after all that went further up.
  let tail: string[] = []
  for (const [level, { keys }] of levels.entries()) {
    tail = keys.concat(tail)
    for (let round = 0; tail.length > mostSources; round++) {
      const joined = `${prefix}joined/${level}-tail-${round}.gz`
      await compose(joined, tail.slice(-mostSources))
      tail = [...tail.slice(0, -mostSources), joined]
    }
  }
  await compose(target, tail)
}
