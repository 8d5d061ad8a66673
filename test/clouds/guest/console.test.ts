import { expect, test } from 'vitest'
import { readGuestConsole } from '#test/clouds/guest/console.ts'

test('the last marker in a console counts', () => {
  const text =
    'SeaBIOS\r\nNOVACRON GUEST unique=a-1 boots=0001\r\nNOVACRON READY\r\nNOVACRON GUEST unique=a-1 boots=0002\r\nNOVACRON WRITE FAILED\r\n'
  expect(readGuestConsole(text)).toEqual({ unique: 'a-1', boots: 2, ready: false })
  expect(readGuestConsole(text.slice(0, 70))).toEqual({ unique: 'a-1', boots: 1, ready: true })
})

test.each(['', 'NOVACRON READ FAILED\r\n', 'NOVACRON GUEST unique=a boots=00'])(
  'a console without a whole marker tells of no boot: %j',
  (text) => {
    expect(readGuestConsole(text)).toBeUndefined()
  },
)
