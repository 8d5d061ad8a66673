import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { Context } from 'hono'

/** A file of one of our pages, held in memory. */
export interface Asset {
  bytes: Uint8Array<ArrayBuffer>
  type: string
  etag: string
}

/** Reads a folder of page files once. Only what is in it can be asked for, so no path can lead out of it. */
export function loadAssets(folder: string): ReadonlyMap<string, Asset> {
  return new Map(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && types[extname(entry.name)])
      .map((entry) => {
        const bytes = new Uint8Array(readFileSync(join(folder, entry.name)))
        const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
        return [entry.name, { bytes, type: types[extname(entry.name)] ?? 'application/octet-stream', etag }]
      }),
  )
}

/** Answers with an asset; 304 where the browser has it. Nothing of these pages comes from, or goes to, another host. */
export function serveAsset(c: Context, asset: Asset): Response {
  const headers = {
    ...pageHeaders,
    'content-type': asset.type,
    etag: asset.etag,
    'cache-control': 'no-cache',
  }
  if (c.req.header('if-none-match') === asset.etag) return new Response(null, { status: 304, headers })
  return new Response(asset.bytes, { headers })
}

export const pageHeaders = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}
