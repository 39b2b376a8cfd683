import type { ApiError } from '@/shared/api/error'
import { useState } from 'react'

/** Why there is no answer yet. What went wrong stays while the question is asked again, so that the page does not flicker. */
export function useFirstProblem(query: { data: unknown; error: ApiError | null }): ApiError | null {
  const [last, setLast] = useState<ApiError | null>(null)
  const { data, error } = query
  if (error && error !== last) setLast(error)
  if (data !== undefined) return null
  return error ?? last
}
