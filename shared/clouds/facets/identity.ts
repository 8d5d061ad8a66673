export interface IdentityFacet {
  /** One cheap authenticated call. Throws CloudError `auth_failed` or `forbidden`. */
  validate(): Promise<{ accountId: string; principal?: string }>
  /** Regions this account may use, with their zones. */
  regions(): Promise<{ id: string; name: string; zones: string[] }[]>
}
