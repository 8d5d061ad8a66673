import { refused } from '#shared/disks/image/refuse.ts'

export interface ManifestLine {
  /** As Node names it. */
  algorithm: 'sha1' | 'sha256' | 'sha512'
  /** In lower case hexadecimal. */
  digest: string
}

/** Reads an OVF manifest: `SHA256(name)= digest`, a line a file. @throws DiskError `image_refused` */
export function readManifest(text: string): Map<string, ManifestLine> {
  const lines = new Map<string, ManifestLine>()
  for (const line of text.split(/\r?\n/).filter((each) => each.trim() !== '')) {
    const found = /^(SHA1|SHA256|SHA512)\s*\((.+)\)\s*=\s*([0-9a-f]{40,128})\s*$/i.exec(line)
    if (!found) throw refused(`its manifest has a line that is none: ${JSON.stringify(line.slice(0, 80))}`)
    const [, algorithm = '', name = '', digest = ''] = found
    lines.set(name, {
      algorithm: algorithm.toLowerCase() as ManifestLine['algorithm'],
      digest: digest.toLowerCase(),
    })
  }
  return lines
}

/** Writes one; `digests` are SHA-256 in hexadecimal. */
export const writeManifest = (digests: { file: string; digest: string }[]): string =>
  digests.map(({ file, digest }) => `SHA256(${file})= ${digest}\n`).join('')
