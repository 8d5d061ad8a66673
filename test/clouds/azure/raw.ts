import { Agent, request } from 'node:https'
import type { StartedCloud } from '#test/clouds/core/types.ts'

export interface RawReply {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  /** Of a JSON body; {} for anything else. */
  json: {
    error?: { code: string; message: string }
    value?: unknown[]
    nextLink?: string
    [name: string]: unknown
  }
}

/** Requests as no SDK would send them: for the rules that an SDK never breaks. */
export interface Raw {
  send(
    method: string,
    url: string,
    headers?: Record<string, string>,
    body?: Buffer | string,
  ): Promise<RawReply>
  /** To Azure Resource Manager, with a token; `path` is below the subscription and carries its api-version. */
  arm(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<RawReply>
  close(): void
}

export function createRaw(cloud: StartedCloud): Raw {
  const agent = new Agent({ keepAlive: true, ...(cloud.caPem === undefined ? {} : { ca: cloud.caPem }) })
  const { tenant_id, client_id, client_secret, subscription_id } = cloud.credentials
  let token: Promise<string> | undefined

  const send: Raw['send'] = (method, url, headers = {}, body) =>
    new Promise((resolve, reject) => {
      const call = request(new URL(url, cloud.url), { method, headers, agent })
      call.on('error', reject)
      call.on('response', (response) => {
        response.setEncoding('latin1').on('error', reject)
        let text = ''
        response.on('data', (part: string) => (text += part))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) }),
        )
      })
      call.end(body)
    })

  const signIn = async () => {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: client_id ?? '',
      client_secret: client_secret ?? '',
      scope: 'https://management.azure.com/.default',
    })
    const reply = await send('POST', `/${tenant_id}/oauth2/v2.0/token`, {}, form.toString())
    return String(reply.json['access_token'])
  }

  return {
    send,
    async arm(method, path, body, more) {
      token ??= signIn()
      const headers = { authorization: `Bearer ${await token}`, 'content-type': 'application/json', ...more }
      return send(method, `/subscriptions/${subscription_id}${path}`, headers, body && JSON.stringify(body))
    },
    close: () => agent.destroy(),
  }
}

function parse(text: string): RawReply['json'] {
  try {
    return JSON.parse(text) as RawReply['json']
  } catch {
    return {}
  }
}
