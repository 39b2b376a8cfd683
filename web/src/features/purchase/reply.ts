/** What an answer of the server, or its absence, means for an attempt. Pure: from ApiError and body to the model's words. */
import { ApiError, isCode } from '@/shared/api/error'
import type { Purchase } from '@/shared/api/types'

/** Why the next question waits. `silent`: no answer came. */
export type WaitCode =
  | 'silent'
  | 'rate_limited'
  | 'sale_not_started'
  | 'busy'
  | 'dependency_unavailable'
  | 'recovering'
  | 'draining'
  | 'internal_error'

const refusalCodes = [
  'already_purchased',
  'sold_out',
  'limit_exceeded',
  'idempotency_mismatch',
  'unknown_sale',
  'sale_ended',
  'sale_paused',
  'sale_not_started',
] as const

export type RefusalCode = (typeof refusalCodes)[number] | 'not_saved' | 'unexpected'

export interface Refusal {
  code: RefusalCode
  orderId?: string
  stockLeft?: number
  /** For what nobody expected: what to tell the shop. */
  requestId?: string
  startsAtMs?: number
}

export type Reply =
  | { kind: 'won'; purchase: Purchase }
  /** Nothing is held under the key. */
  | { kind: 'nothing' }
  | { kind: 'refused'; refusal: Refusal }
  /** Not now. `isCertain`: this request did nothing, so that it may be sent again without asking. */
  | { kind: 'later'; code: WaitCode; waitMs: number; isCertain: boolean; limit?: string }
  | { kind: 'signedOut' }
  /** Nobody knows what happened. */
  | { kind: 'silent' }

const DEFAULT_WAIT_MS = 1000
/** An opening further off than this is a refusal to read, not a wait. */
const OPENING_WAIT_MAX_MS = 10_000

/** Only an answer that names the order is a purchase: a captive portal's page is silence. */
export function isPurchase(body: unknown): body is Purchase {
  return (
    typeof body === 'object' &&
    body !== null &&
    'order_id' in body &&
    typeof body.order_id === 'string' &&
    'sequence' in body &&
    typeof body.sequence === 'number' &&
    'pay_before_ms' in body &&
    typeof body.pay_before_ms === 'number'
  )
}

export function replyOfBody(body: unknown): Reply {
  return isPurchase(body) ? { kind: 'won', purchase: body } : { kind: 'silent' }
}

/** @param serverNowMs for `sale_not_started`, which tells the opening by the server's clock */
export function replyOfError(error: unknown, serverNowMs: number): Reply {
  if (!(error instanceof ApiError) || !error.problem) return { kind: 'silent' }
  const { problem, status } = error
  const waitMs = Math.max(error.retryAfterMs ?? DEFAULT_WAIT_MS, 0)
  switch (problem.code) {
    case 'unauthenticated':
    case 'token_expired':
      return { kind: 'signedOut' }
    case 'rate_limited':
      return {
        kind: 'later',
        code: 'rate_limited',
        waitMs,
        isCertain: true,
        ...(problem.limit ? { limit: problem.limit } : {}),
      }
    case 'sale_not_started': {
      const leftMs = (problem.starts_at_ms ?? serverNowMs) - serverNowMs
      return leftMs <= OPENING_WAIT_MAX_MS
        ? { kind: 'later', code: 'sale_not_started', waitMs: Math.max(waitMs, leftMs), isCertain: true }
        : { kind: 'refused', refusal: refusalOf(error) }
    }
    case 'busy':
    case 'dependency_unavailable':
    case 'recovering':
    case 'draining':
    case 'internal_error':
      return { kind: 'later', code: problem.code, waitMs, isCertain: false }
    default:
      return status >= 500
        ? { kind: 'later', code: 'internal_error', waitMs, isCertain: false }
        : { kind: 'refused', refusal: refusalOf(error) }
  }
}

/**
 * The same for `GET …/purchases/{key}`, where `not_found` is good news: nothing is held. Any other refusal, also a 404 (`unknown_sale` from an
 * edge that has just started), says nothing about the purchase.
 */
export function replyOfAskError(error: unknown, serverNowMs: number): Reply {
  if (isCode(error, 'not_found')) return { kind: 'nothing' }
  const reply = replyOfError(error, serverNowMs)
  return reply.kind === 'refused' ? { kind: 'silent' } : reply
}

function refusalOf({ problem }: ApiError): Refusal {
  const known = refusalCodes.find((code) => code === problem?.code)
  return {
    code: known ?? 'unexpected',
    ...(problem?.order_id !== undefined && { orderId: problem.order_id }),
    ...(problem?.stock_left !== undefined && { stockLeft: problem.stock_left }),
    ...(problem?.starts_at_ms !== undefined && { startsAtMs: problem.starts_at_ms }),
    ...(!known && problem && { requestId: problem.request_id }),
  }
}
