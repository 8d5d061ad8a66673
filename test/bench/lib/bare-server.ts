import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { randomUUIDv7 } from 'node:crypto'
import { openPool } from '#db/pool.ts'

/** The ceiling of `submit`: a Hono route that parses the body and does one prepared INSERT. Prints its address. */
const pool = openPool(process.env['DATABASE_URL'] ?? '')
await pool.query('create table if not exists bare (id text primary key, body jsonb not null)')

const app = new Hono()
app.post('/vms', async (c) => {
  const body: unknown = await c.req.json()
  const id = randomUUIDv7()
  await pool.query({
    name: 'insert',
    text: 'insert into bare (id, body) values ($1, $2)',
    values: [id, JSON.stringify(body)],
  })
  return c.json({ id }, 202)
})
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
  console.log(`API: http://127.0.0.1:${port}`),
)
