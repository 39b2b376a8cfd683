import { request } from '@/shared/api/client'
import type { ApiError } from '@/shared/api/error'
import { useMutation } from '@tanstack/react-query'

export interface PasswordChange {
  current_password: string
  new_password: string
}

/** Ends all sessions of the account, this one too. 401 = the current password is wrong, or this session had ended before. */
export function useChangePassword() {
  return useMutation<unknown, ApiError, PasswordChange>({
    mutationFn: (data) => request({ method: 'PUT', url: '/accounts/me/password', data }),
  })
}
