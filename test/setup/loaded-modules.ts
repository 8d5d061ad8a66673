/** What cloud SDKs are made of; loading any of these is what lazy loading avoids. */
export const sdkModules =
  /\/node_modules\/(@aws-sdk|@smithy|@azure|@google-cloud|google-gax|google-auth-library)\//

const recorder = `import { registerHooks } from 'node:module'
const urls = new Set()
registerHooks({ load(url, context, next) { urls.add(url); return next(url, context) } })
process.on('exit', () => console.log('LOADED ' + JSON.stringify([...urls])))`

/** Arguments for Node, before the program: when the process ends it prints a line with every module that it loaded. */
export const recordModules = ['--import', `data:text/javascript,${encodeURIComponent(recorder)}`]

/** The urls in what such a process has printed. */
export function loadedModules(output: string): string[] {
  const list = /^LOADED (.*)$/m.exec(output)?.[1]
  if (list === undefined) throw new Error(`the process did not say what it loaded: ${output}`)
  return JSON.parse(list) as string[]
}
