import type { Services } from '#api/services.ts'

/** The address of something under the API, as users reach it. Relative to the host where PUBLIC_URL is not set. */
export const linkTo = ({ config }: Pick<Services, 'config'>, path: string): string =>
  `${config.PUBLIC_URL?.replace(/\/+$/, '') ?? ''}/api/multicloud${path}`
