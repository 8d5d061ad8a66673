import { Pool } from 'undici'

export interface Load {
  url: string
  headers: Record<string, string>
  body: string
  connections: number
  durationMs: number
}

/** Sends the same POST over and over on a fixed number of connections. @returns answers of 2xx per second; throws at the first other answer. */
export async function loadWith({ url, headers, body, connections, durationMs }: Load): Promise<number> {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections })
  const startedAtMs = performance.now()
  let answers = 0
  const lane = async () => {
    while (performance.now() - startedAtMs < durationMs) {
      const answer = await pool.request({ path: pathname, method: 'POST', headers, body })
      if (answer.statusCode >= 300)
        throw new Error(`${pathname} answered ${answer.statusCode}: ${await answer.body.text()}`)
      await answer.body.dump()
      answers += 1
    }
  }
  try {
    await Promise.all(Array.from({ length: connections }, lane))
    return (answers * 1_000) / (performance.now() - startedAtMs)
  } finally {
    await pool.close()
  }
}
