import { request } from '@/shared/api/client'
import { ApiError } from '@/shared/api/error'
import { forgetShopper } from '@/shared/api/persist'
import { sessionHint } from '@/shared/api/sessionHint'
import { nextPollMs } from '@/shared/lib/pacing'
import { clearAttempts } from '@/shared/lib/storage'
import { useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query'
import { sayFarewell, type Farewell } from '../farewell'

// A log-out that the server has not heard of: only it can take the cookie away.
const DUE = 'minishop.log_out_due'
// A shop that does not answer must not keep somebody signed in on a borrowed device.
const ANSWER_MS = 4000

function setLogOutDue(): void {
  try {
    localStorage.setItem(DUE, '1')
  } catch {
    // the session ends by its own time then
  }
}

export function forgetLogOutDue(): void {
  try {
    localStorage.removeItem(DUE)
  } catch {
    // nothing was kept
  }
}

function isLogOutDue(): boolean {
  try {
    return localStorage.getItem(DUE) === '1'
  } catch {
    return false
  }
}

/** null once the session is over at the server: it said so, or knows no such session. Else ms it wants to be left alone for. */
async function endSession(): Promise<number | null> {
  try {
    await request({ method: 'DELETE', url: '/sessions/current', timeout: ANSWER_MS })
    return null
  } catch (error) {
    if (!(error instanceof ApiError)) return 0
    return error.status === 401 ? null : (error.retryAfterMs ?? 0)
  }
}

/**
 * Tells the server of a log-out that it could not be told of; nothing if somebody logged in since.
 * @returns null = done, else ms the server wants to be left alone for
 */
export async function finishLogOut(): Promise<number | null> {
  if (!isLogOutDue() || sessionHint.isSet()) return null
  const waitMs = await endSession()
  if (waitMs === null) forgetLogOutDue()
  return waitMs
}

const AGAIN_MS = 2000

/**
 * Goes on with `finishLogOut` until it is done: at once, when the network is back, and by a timer that backs off, since a busy shop is no
 * change of the network. Not beside a log-in, whose new session it could end.
 * @returns what ends it
 */
export function keepFinishingLogOut(isLoggingIn: () => boolean): () => void {
  let timer = 0
  let failures = 0
  let isAsking = false
  let isEnded = false
  const later = (retryAfterMs: number): void => {
    window.clearTimeout(timer)
    const wait = nextPollMs({ floorMs: AGAIN_MS, failures, retryAfterMs }, Math.random())
    if (!isEnded) timer = window.setTimeout(finish, wait)
  }
  const ask = async (): Promise<void> => {
    window.clearTimeout(timer)
    timer = 0
    if (isAsking) return
    if (isLoggingIn()) {
      later(0)
      return
    }
    isAsking = true
    const retryAfterMs = await finishLogOut()
    isAsking = false
    failures = retryAfterMs === null ? 0 : failures + 1
    if (retryAfterMs !== null) later(retryAfterMs)
  }
  function finish(): void {
    void ask()
  }
  // A log-out that failed just now is due with the hint gone.
  const stop = sessionHint.subscribe(() => {
    if (isLogOutDue() && !sessionHint.isSet() && timer === 0) later(0)
  })
  finish()
  window.addEventListener('online', finish)
  return () => {
    isEnded = true
    stop()
    window.clearTimeout(timer)
    window.removeEventListener('online', finish)
  }
}

/** Nothing of the shopper stays in this browser; other tabs follow the hint. */
export async function leave(client: QueryClient, farewell: Farewell): Promise<void> {
  sayFarewell(farewell)
  sessionHint.clear()
  await Promise.all([clearAttempts(), forgetShopper(client)])
}

/** Works without a network too: what is here goes at once, the server hears of it as soon as it can. */
export function useLogOut() {
  const client = useQueryClient()
  return useMutation<unknown, Error>({
    mutationFn: async () => {
      const isEnded = (await endSession()) === null
      if (!isEnded) setLogOutDue()
      await leave(client, isEnded ? 'loggedOut' : 'loggedOutHere')
    },
  })
}
