import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A wire between a worker and a cloud that can be made to damage what goes over it. */
export interface Wire {
  /** The address to use instead of the cloud's. */
  url: string
  /** Flips a bit in the next so many large pieces on their way to the cloud. */
  damage(pieces: number): void
  /** How many have been damaged. */
  damaged(): number
  close(): void
}

/** Well over any header, and less than half a chunk. */
const largeBytes = 8 * 1024

export async function openWire(to: string): Promise<Wire> {
  const { port, hostname } = new URL(to)
  const open = new Set<Socket>()
  let left = 0
  let damaged = 0
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        open.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (piece: Buffer) => {
      if (left > 0 && piece.length >= largeBytes) {
        left -= 1
        damaged += 1
        const middle = piece.length >> 1
        piece[middle] = (piece[middle] ?? 0) ^ 1
      }
      far.write(piece)
    })
    far.pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    damage: (pieces) => (left = pieces),
    damaged: () => damaged,
    close() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
