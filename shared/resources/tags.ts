/** Tags that are the user's, and not our mark of ownership. */
export const userTags = (tags: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(tags).filter(([name]) => !name.startsWith('novacron-')))
