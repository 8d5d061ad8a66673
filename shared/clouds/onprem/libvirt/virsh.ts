import { HostError } from '#shared/clouds/onprem/gate.ts'
import { commandLine } from './virsh/command-line.ts'
import { errorOf, isTransport } from './virsh/errors.ts'
import { openExchange, type Exchange } from './virsh/exchange.ts'
import { startSession, type Session } from './virsh/session.ts'

/** What a virsh command is made of: words, and at most one file that it reads or writes. */
export type VirshWord = string | InputFile | typeof outputFile

/** Stands for the path of a file that holds this; only this user can open it, and it has no name. */
export interface InputFile {
  content: string | Buffer
}

/** Stands for the path of a file that the command writes; `VirshAnswer.output` is what it wrote. */
export const outputFile = Symbol('output file')

export interface VirshAnswer {
  /** What the command printed. */
  text: string
  /** What it wrote to `outputFile`. */
  output: Buffer
}

/**
 * Talks to one libvirt daemon. A few `virsh` processes stay connected and take one command at a time: a command costs a round trip to the
 * daemon (0.2 ms measured) where a process of its own costs 22 ms, and over ssh a sign-in.
 */
export interface Virsh {
  /**
   * Runs one command, e.g. `['define', { content: xml }]`. Aborting kills the process that runs it; what the daemon has begun may still happen.
   * @throws HostError with libvirt's code (`VIR_ERR_NO_DOMAIN` …), `connection_lost`, `ssh_host_key`, `ssh_auth`, or `hypervisor_missing`.
   */
  run(words: readonly VirshWord[], signal?: AbortSignal): Promise<VirshAnswer>
  /** Ends the processes; commands under way fail. */
  close(): void
}

export interface VirshOptions {
  /** As `parseOnPremSettings` lets through; a function is asked before each new process. */
  uri: string | (() => string)
  environment?: Record<string, string>
  /** Most processes, and so most commands at once. */
  sessions?: number
}

export function openVirsh({ uri, environment = {}, sessions = 4 }: VirshOptions): Virsh {
  let idle: Link[] = []
  const busy = new Set<Link>()
  const waiting: (() => void)[] = []
  let closed = false

  const take = async (signal?: AbortSignal): Promise<Link> => {
    while (busy.size >= sessions) await turn(waiting, signal)
    signal?.throwIfAborted()
    if (closed) throw new HostError('connection_lost', 'the connection is closed')
    for (const lost of idle.filter(({ session }) => session.isOver())) end(lost)
    idle = idle.filter(({ session }) => !session.isOver())
    const link = idle.pop() ?? connect(uri, environment)
    busy.add(link)
    return link
  }
  const giveBack = (link: Link) => {
    busy.delete(link)
    if (link.session.isOver() || closed) end(link)
    else idle.push(link)
    waiting.shift()?.()
  }

  return {
    async run(words, signal) {
      const link = await take(signal)
      try {
        return await runIn(link, words, signal)
      } catch (error) {
        // The others have most likely lost the daemon too: they would each fail a call before they are replaced.
        if (error instanceof HostError && error.vendorCode === 'connection_lost')
          for (const each of idle.splice(0)) end(each)
        throw error
      } finally {
        giveBack(link)
      }
    },
    close() {
      closed = true
      for (const each of [...idle.splice(0), ...busy]) end(each)
      for (const proceed of waiting.splice(0)) proceed()
    },
  }
}

interface Link {
  session: Session
  exchange: Exchange
}

function connect(uri: Required<VirshOptions>['uri'], environment: Record<string, string>): Link {
  const target = typeof uri === 'string' ? uri : uri()
  const exchange = openExchange()
  return { exchange, session: startSession({ uri: target, environment, exchange: exchange.descriptor }) }
}

function end({ session, exchange }: Link): void {
  session.end()
  exchange.close()
}

/** Waits for a process to come free; who gives up leaves the queue. */
function turn(waiting: (() => void)[], signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const proceed = () => {
      signal?.removeEventListener('abort', giveUp)
      resolve()
    }
    const giveUp = () => {
      const place = waiting.indexOf(proceed)
      if (place >= 0) waiting.splice(place, 1)
      reject(new HostError('aborted', 'given up before it began'))
    }
    waiting.push(proceed)
    signal?.addEventListener('abort', giveUp, { once: true })
  })
}

async function runIn(
  { session, exchange }: Link,
  words: readonly VirshWord[],
  signal?: AbortSignal,
): Promise<VirshAnswer> {
  const input = words.find((word) => typeof word === 'object')
  const writes = words.includes(outputFile)
  if (input) exchange.write(input.content)
  else if (writes) exchange.write('')
  const line = commandLine(words.map((word) => (typeof word === 'string' ? word : exchange.path)))
  const stop = () => session.end()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    signal?.throwIfAborted()
    const { stdout, stderr } = await session.ask(line)
    const error = errorOf(stderr)
    if (error && isTransport(error)) session.end()
    if (error) throw error
    return { text: stdout, output: writes ? exchange.read() : Buffer.alloc(0) }
  } finally {
    signal?.removeEventListener('abort', stop)
    // What it held may be a passphrase.
    if (input) exchange.write('')
  }
}
