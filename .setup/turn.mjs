// One process at a time, among processes on any Node from 18. Plain JavaScript without dependencies.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 200
const unnumberedMs = 10_000

/** Runs `action` while no other process does; `turnPath` is a file that names the process whose turn it is. */
export async function inTurn(turnPath, action) {
  mkdirSync(dirname(turnPath), { recursive: true })
  for (let isSaid = false; !takeTurn(turnPath); isSaid = true) {
    if (!isSaid) console.error('Another process is installing the dependencies; waiting for it …')
    await sleep(pollMs)
  }
  try {
    return await action()
  } finally {
    rmSync(turnPath, { force: true })
  }
}

function takeTurn(turnPath) {
  try {
    writeFileSync(turnPath, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST')
      throw new Error(`Cannot write ${turnPath} (${error.code}): the checkout must belong to you.`, {
        cause: error,
      })
  }
  if (isAbandoned(turnPath)) rmSync(turnPath, { force: true })
  return false
}

/** Whether the process that took the turn has died; one that died before it could leave its number is given some seconds. */
function isAbandoned(turnPath) {
  try {
    const pid = Number(readFileSync(turnPath, 'utf8'))
    if (!(pid > 0)) return Date.now() - statSync(turnPath).mtimeMs > unnumberedMs
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}
