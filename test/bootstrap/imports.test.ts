import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkoutFolder } from '#shared/services/state.ts'

const sdks = { aws: /^@(aws-sdk|smithy)\//, azure: /^@azure\//, gcp: /^@google-cloud\// }

/** Every module that a file of the given folders loads: `[file, module]`, lazily loaded ones too (which the lint rule does not see). */
function loadsOf(folders: string[]): [string, string][] {
  const files = folders.flatMap((folder) =>
    readdirSync(join(checkoutFolder, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  )
  return files.flatMap((file) => {
    const text = readFileSync(join(checkoutFolder, file), 'utf8')
    return [...text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)'([^']+)'/g)].map(
      ([, name = '']): [string, string] => [file, name],
    )
  })
}

test("a cloud's SDK is loaded only in the folder of that cloud, not even lazily elsewhere", () => {
  const loads = loadsOf(['api', 'workers', 'shared', 'db'])
  expect(loads.length).toBeGreaterThan(100)
  const strays = Object.entries(sdks).flatMap(([cloud, sdk]) =>
    loads.filter(([file, name]) => sdk.test(name) && !file.startsWith(join('shared', 'clouds', cloud, '/'))),
  )
  expect(strays).toEqual([])
})

test('neither shared code nor the database layer loads anything of the API, of the workers or of the tests', () => {
  const strays = loadsOf(['shared', 'db']).filter(([, name]) => /^#(api|workers|test)\//.test(name))
  expect(strays).toEqual([])
})
