import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Principal } from '#api/auth/tokens.ts'

const cookieName = 'novacron_session'

/** The token of the browser's session, if it has one. */
export const sessionToken = (c: Context): string | undefined => getCookie(c, cookieName)

/**
 * Starts a session: the token itself in a cookie that no script can read and no other site can send. It ends with the token, so there
 * is no session store to share between processes.
 */
export function startSession(
  c: Context,
  token: string,
  principal: Principal,
  publicUrl: string | undefined,
): void {
  setCookie(c, cookieName, token, {
    httpOnly: true,
    sameSite: 'Strict',
    path: '/',
    secure: publicUrl?.startsWith('https:') ?? false,
    // Browsers and Hono cap a cookie's life at 400 days.
    maxAge: Math.min(
      400 * 86_400,
      Math.max(0, Math.floor((principal.expiresAt.getTime() - Date.now()) / 1000)),
    ),
  })
}

export const endSession = (c: Context): void => {
  deleteCookie(c, cookieName, { path: '/' })
}
