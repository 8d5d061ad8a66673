import { expect, test } from 'vitest'
import { missingEntries, readLock } from '#setup/complete-lock.ts'

test('package-lock.json names the optional packages of every platform, without which npm ci refuses it', () => {
  expect(missingEntries(readLock()), 'run: node .setup/complete-lock.ts').toEqual({})
})

test('what the lock lacks is found, with the platform that its name tells', () => {
  const lock = {
    packages: { 'node_modules/a': { optionalDependencies: { '@a/linux-arm-musleabihf': '1.2.3' } } },
  }
  expect(missingEntries(lock)).toEqual({
    'node_modules/@a/linux-arm-musleabihf': {
      version: '1.2.3',
      cpu: ['arm'],
      libc: ['musl'],
      os: ['linux'],
      optional: true,
    },
  })
})
