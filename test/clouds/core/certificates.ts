import { generate } from 'selfsigned'

export interface ServerIdentity {
  key: string
  cert: string
  /** The authority to trust: only it signs the certificate, and its key is forgotten. */
  caPem: string
}

/** Makes a private authority and, signed by it, a certificate for 127.0.0.1 and localhost. About 10 ms. */
export async function createServerIdentity(): Promise<ServerIdentity> {
  const authority = await generate([{ name: 'commonName', value: 'NovaCron loopback CA' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  })
  return { key: server.private, cert: server.cert, caPem: authority.cert }
}
