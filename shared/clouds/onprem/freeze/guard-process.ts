import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Thaw } from './guard.ts'

// Waits until its input closes or the time is up, and then thaws a guest. Who froze it ends this process once it has thawed it itself.

const { thaw, longestFreezeMs } = JSON.parse(process.argv[2] ?? '') as { thaw: Thaw; longestFreezeMs: number }

/** As long as an agent may be busy with freezing. */
const tryingMs = 30_000

await Promise.race([ending(process.stdin), sleep(longestFreezeMs)])
const giveUpMs = performance.now() + tryingMs
while (!(await once(thaw)) && performance.now() < giveUpMs) await sleep(200)
process.exit()

function ending(input: NodeJS.ReadStream): Promise<void> {
  return new Promise((resolve) => {
    input.once('end', resolve).once('error', resolve).resume()
  })
}

/** False if it is to be tried again. */
async function once(how: Thaw): Promise<boolean> {
  try {
    await ('agent' in how ? askAgent(how.agent) : run(how))
    return true
  } catch (error) {
    // The guest has ended.
    return error instanceof Error && 'code' in error && error.code === 'ENOENT'
  }
}

async function run({ program, args }: Extract<Thaw, { program: string }>): Promise<void> {
  await promisify(execFile)(program, args, { timeout: 10_000, env: { ...process.env, LC_ALL: 'C' } })
}

/** Behind 0xFF, which ends whatever an earlier client has begun to say. Thawed already is an answer, too. */
function askAgent(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(5_000, () => fail(new Error('the agent is silent')))
    socket.once('error', fail).once('close', () => fail(new Error('the agent hung up')))
    let heard = ''
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1')
      if (!/"return": *\d+/.test(heard)) return
      socket.destroy()
      resolve()
    })
    socket.write(Buffer.concat([Buffer.from([0xff]), Buffer.from('{"execute":"guest-fsfreeze-thaw"}\n')]))
  })
}
