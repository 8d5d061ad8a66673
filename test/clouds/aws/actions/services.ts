import type { Action } from '#test/clouds/aws/action.ts'

/** EC2's actions on images, on settings of the account and on spot prices, by the vendor's names. */
export const serviceActions: Readonly<Record<string, Action>> = {}
