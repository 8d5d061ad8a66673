import { expect, test } from 'vitest'
import type { ProviderEntry } from '#api/provider-directory.ts'
import { choosePlacement } from '#api/routes/vm-placement.ts'

const provider = (id: string, changes: Partial<ProviderEntry> = {}): ProviderEntry => ({
  id,
  type: 'aws',
  driver: undefined,
  enabled: true,
  regions: ['us-east-1', 'us-west-2'],
  defaultRegion: 'us-west-2',
  hasDefaultImage: true,
  health: 'healthy',
  ...changes,
})
const wish = { data_residency_regions: [] }
const chosen = (providers: ProviderEntry[], more: object) => choosePlacement(providers, { ...wish, ...more })

test('of equals the one registered first is taken, always the same', () => {
  const providers = [provider('b'), provider('a')]
  expect(chosen(providers, { region: 'us-east-1' })).toMatchObject({
    provider: { id: 'b' },
    region: 'us-east-1',
  })
})

test('what was found unhealthy comes last, but is better than nothing', () => {
  const sick = provider('sick', { health: 'unhealthy' })
  expect(chosen([sick, provider('new', { health: 'unknown' })], { region: 'us-east-1' }).provider.id).toBe(
    'new',
  )
  expect(chosen([sick], { region: 'us-east-1' }).provider.id).toBe('sick')
})

test('without a region the default region is taken, if residency allows it', () => {
  expect(chosen([provider('a')], {}).region).toBe('us-west-2')
  const elsewhere = provider('eu', { regions: ['eu-west-1'], defaultRegion: 'eu-west-1' })
  expect(chosen([provider('a'), elsewhere], { data_residency_regions: ['eu-west-1'] }).provider.id).toBe('eu')
})

test('a provider named like a cloud type is meant before the type', () => {
  const named = provider('azure', { type: 'aws' })
  expect(
    chosen([provider('x', { type: 'azure' }), named], { preferred_provider: 'azure', region: 'us-east-1' })
      .provider.id,
  ).toBe('azure')
})

test('when none fits, the reason of each is told', () => {
  const providers = [provider('off', { enabled: false }), provider('far', { regions: ['eu-west-1'] })]
  expect(() => chosen(providers, { region: 'us-east-1' })).toThrow(
    expect.objectContaining({
      code: 'no_provider',
      message: expect.stringMatching(/off is disabled; far has no region us-east-1/) as string,
    }) as Error,
  )
})

test('a misspelt region is named as the field that is wrong, with the one that was meant', () => {
  expect(() => chosen([provider('a')], { region: 'us-est-1' })).toThrow(
    expect.objectContaining({
      errors: [
        expect.objectContaining({
          field: 'region',
          remedy: expect.stringMatching(/^Did you mean us-east-1\?/) as string,
        }),
      ],
    }) as Error,
  )
})

test('hosts without a default image take no VM that names none, and it is said where there is nothing else', () => {
  const home = provider('home', { type: 'on-premise', driver: 'qemu', hasDefaultImage: false })
  expect(chosen([home, provider('a')], {}).provider.id).toBe('a')
  expect(chosen([home, provider('a')], { image_id: 'img-1' }).provider.id).toBe('home')
  expect(() => chosen([home, provider('a')], { preferred_provider: 'home' })).toThrow(
    expect.objectContaining({
      code: 'validation_failed',
      errors: [expect.objectContaining({ field: 'image_id' })],
    }) as Error,
  )
})
