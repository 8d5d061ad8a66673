import { generate } from 'selfsigned'

export interface ServerIdentity {
  key: string
  cert: string
  /** The authority to trust: only it signs the certificate, and its key is forgotten. */
  caPem: string
}

/**
 * Makes a private authority and, signed by it, a certificate. About 10 ms.
 * @param hosts the names it is for, beside which 127.0.0.1 is included only with `localhost`; default `localhost`
 * @param validUntil default in a year
 */
export async function createServerIdentity({
  hosts = ['localhost'],
  validUntil,
}: { hosts?: string[]; validUntil?: Date } = {}): Promise<ServerIdentity> {
  const authority = await generate([{ name: 'commonName', value: 'NovaCron loopback CA' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const dayMs = 86_400_000
  const server = await generate([{ name: 'commonName', value: hosts[0] ?? 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...(validUntil && {
      notBeforeDate: new Date(validUntil.getTime() - 30 * dayMs),
      notAfterDate: validUntil,
    }),
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...hosts.map((value) => ({ type: 2 as const, value })),
          ...(hosts.includes('localhost') ? [{ type: 7 as const, ip: '127.0.0.1' }] : []),
        ],
      },
    ],
  })
  return { key: server.private, cert: server.cert, caPem: authority.cert }
}
