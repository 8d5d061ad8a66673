/**
 * Follows `NextToken` to the end, one page in memory at a time. A page may be empty and still have a next one.
 * Page sizes are left to the caller's `fetch`.
 */
export async function* pages<Page extends { NextToken?: string | undefined }>(
  fetch: (token: { NextToken?: string }) => Promise<Page>,
): AsyncGenerator<Page> {
  for (let token: string | undefined; ;) {
    const page = await fetch(token === undefined ? {} : { NextToken: token })
    yield page
    token = page.NextToken
    if (token === undefined || token === '') return
  }
}
