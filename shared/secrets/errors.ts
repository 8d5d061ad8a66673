import { NovaError } from '#shared/errors.ts'

/**
 * The error of everything that handles sealed secrets. Codes: `secret_missing` (no such row), `secret_key_unknown` (sealed with a key
 * that this process was not given), `secret_unreadable` (altered, or moved from another row). No message ever holds a secret.
 */
export class SecretError extends NovaError {}
