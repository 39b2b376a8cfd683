import { request } from '@/shared/api/client'
import { ApiError, isCode } from '@/shared/api/error'
import { useMutation } from '@tanstack/react-query'
import { useRef } from 'react'
import type { Credentials } from './logIn'

async function register(credentials: Credentials): Promise<void> {
  await request<unknown>({ method: 'POST', url: '/accounts', data: credentials })
}

/** True if nobody knows whether the server acted. */
function isUncertain(error: unknown): boolean {
  return error instanceof ApiError && (error.kind === 'network' || error.kind === 'timeout')
}

/**
 * Makes the account. If an earlier try with this name ended without an answer, "taken" may mean "taken by you": then the log-in that follows
 * decides, with this password.
 */
export function useRegister() {
  const unanswered = useRef<string | null>(null)
  return useMutation<{ isCertain: boolean }, ApiError, Credentials>({
    mutationFn: async (credentials) => {
      try {
        await register(credentials)
      } catch (error) {
        if (isUncertain(error)) unanswered.current = credentials.username
        if (isCode(error, 'username_taken') && unanswered.current === credentials.username)
          return { isCertain: false }
        throw error
      }
      unanswered.current = null
      return { isCertain: true }
    },
  })
}
