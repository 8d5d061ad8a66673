import type { Agent, ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { checkLater } from '#shared/clouds/scope.ts'

/**
 * Makes an agent ask `beforeCall` once more for each request when its connection stands, right before the first byte. Connecting and waiting
 * for a free connection take a while, and a process that was paused meanwhile would send, on waking, what was checked long ago. A refused
 * request fails with the refusal, and its connection is closed.
 */
export function guarded<A extends Agent>(agent: A): A {
  // Where every request comes by, whether it gets a new connection, a kept one or waits for one; Node's documentation leaves it out.
  const takes = agent as A & { addRequest(request: ClientRequest, ...rest: unknown[]): void }
  const take = takes.addRequest.bind(agent)
  takes.addRequest = (request, ...rest) => {
    const check = checkLater()
    request.once('socket', (socket) =>
      whenConnected(socket, () => {
        try {
          check()
        } catch (refusal) {
          request.destroy(refusal as Error)
        }
      }),
    )
    take(request, ...rest)
  }
  return agent
}

/** What is written before the connection stands is kept until the listeners were told that it does: closed by one of them, nothing leaves. */
function whenConnected(socket: Socket, then: () => void): void {
  const secured = socket instanceof TLSSocket
  // The last message of a handshake is there as soon as it has been sent.
  const stands = secured ? socket.getFinished() !== undefined : !socket.connecting
  if (stands) then()
  else socket.prependOnceListener(secured ? 'secureConnect' : 'connect', then)
}
