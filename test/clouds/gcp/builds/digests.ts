import { createHash } from 'node:crypto'
import { crc32c } from '#test/clouds/core/crc32c.ts'
import { bucketNamed } from '#test/clouds/gcp/storage/buckets.ts'
import { metaOf } from '#test/clouds/gcp/storage/objects.ts'
import { putObject } from '#test/clouds/gcp/storage/put.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** Is it the step that runs a shell with Google's command line tools? */
export const isDigestStep = (name: string): boolean =>
  /^gcr\.io\/google\.com\/cloudsdktool\/cloud-sdk:[\w.-]+$/.test(name)

/**
 * Does what the one script does that is run here: `gcloud storage cat` an object through `split`, `sha256sum` of each piece, and `cp` of the digests to
 * another object. Any other script fails, as a shell would with a command that it does not have.
 */
export async function takeDigests(world: World, args: readonly string[]): Promise<void> {
  const [shell, options, pipefail, script = ''] = args
  if (shell !== 'bash' || options !== '-ceuo' || pipefail !== 'pipefail')
    throw new Error(`${shell}: not found`)
  const match =
    /^gcloud storage cat gs:\/\/([\w.-]+)\/(\S+) \| split -b (\d+) --filter='sha256sum \| cut -c1-64' - > (\S+) && gcloud storage cp \4 gs:\/\/([\w.-]+)\/(\S+)$/.exec(
      script,
    )
  if (!match) throw new Error(`bash: -c: line 1: syntax error near: ${script.slice(0, 80)}`)
  const [, fromBucket = '', fromKey = '', size, , toBucket = '', toKey = ''] = match
  if (!world.storage.objects.stat(fromBucket, fromKey))
    throw new Error(
      `ERROR: (gcloud.storage.cat) The following URLs matched no objects: gs://${fromBucket}/${fromKey}`,
    )
  const digests = await digestsOf(world.storage.objects.read(fromBucket, fromKey), Number(size))
  const text = Buffer.from(digests.map((digest) => `${digest}\n`).join(''))
  const bucket = bucketNamed(world.storage, toBucket)
  const sums = { md5: createHash('md5').update(text).digest(), crc32c: crc32c(text) }
  const described = {
    contentType: 'text/plain',
    storageClass: bucket.storageClass,
    custom: {},
    md5Hash: undefined,
    crc32c: undefined,
  }
  await putObject(world.storage, bucket, toKey, [text], metaOf(world.storage, bucket, described, sums))
}

async function digestsOf(bytes: AsyncIterable<Buffer>, pieceBytes: number): Promise<string[]> {
  const digests: string[] = []
  let [hash, filled] = [createHash('sha256'), 0]
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + pieceBytes - filled)
      hash.update(part)
      filled += part.length
      at += part.length
      if (filled < pieceBytes) continue
      digests.push(hash.digest('hex'))
      ;[hash, filled] = [createHash('sha256'), 0]
    }
  }
  return filled === 0 ? digests : [...digests, hash.digest('hex')]
}
