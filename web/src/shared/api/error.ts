import type { Code, Problem } from './types'

/** Why there is no good answer: the server said so, or nothing came. */
export type FailureKind = 'problem' | 'network' | 'timeout' | 'malformed'

/** What every fetcher throws. After `network` and `timeout` nobody knows whether the server acted. */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    readonly kind: FailureKind,
    /** HTTP status; 0 without an answer. */
    readonly status: number,
    readonly problem: Problem | null,
    /** ms from Retry-After or `retry_after_ms`; null where a retry makes no sense. */
    readonly retryAfterMs: number | null,
  ) {
    super(problem?.detail ?? kind)
  }

  get code(): Code | null {
    return this.problem?.code ?? null
  }
}

/** Whether the same question may have another answer later. */
export function isWorthARetry(error: ApiError): boolean {
  return (
    error.kind === 'network' || error.kind === 'timeout' || (error.problem?.retryable ?? error.status >= 500)
  )
}

export function isCode(error: unknown, ...codes: Code[]): boolean {
  return error instanceof ApiError && error.code !== null && codes.includes(error.code)
}
