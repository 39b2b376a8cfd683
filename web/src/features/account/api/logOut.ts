import { request } from '@/shared/api/client'
import { ApiError } from '@/shared/api/error'
import { forgetShopper } from '@/shared/api/persist'
import { sessionHint } from '@/shared/api/sessionHint'
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

/** True once the session is over at the server: it said so, or knows no such session. */
async function endSession(): Promise<boolean> {
  try {
    await request({ method: 'DELETE', url: '/sessions/current', timeout: ANSWER_MS })
    return true
  } catch (error) {
    return error instanceof ApiError && error.status === 401
  }
}

/** Tells the server of a log-out that it could not be told of; nothing if somebody logged in since. */
export async function finishLogOut(): Promise<void> {
  if (!isLogOutDue() || sessionHint.isSet()) return
  if (await endSession()) forgetLogOutDue()
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
      const isEnded = await endSession()
      if (!isEnded) setLogOutDue()
      await leave(client, isEnded ? 'loggedOut' : 'loggedOutHere')
    },
  })
}
