/** Every code of the contract means what the contract says, and whatever is not the contract's means "nobody knows". */
import { ApiError } from '@/shared/api/error'
import type { Code, Problem } from '@/shared/api/types'
import { describe, expect, it } from 'vitest'
import { replyOfAskError, replyOfBody, replyOfError } from './reply'

const NOW = 50_000

function problem(code: Code, status: number, over: Partial<Problem> = {}): ApiError {
  const body: Problem = {
    type: `urn:minishop:error:${code}`,
    title: code,
    status,
    detail: '',
    code,
    request_id: 'r1',
    trace_id: '0',
    retryable: false,
    ...over,
  }
  return new ApiError('problem', status, body, body.retry_after_ms ?? null)
}

describe('answers to a send', () => {
  const refusals: [Code, number, Partial<Problem>, object][] = [
    ['already_purchased', 409, { order_id: 'o1' }, { orderId: 'o1' }],
    ['sold_out', 409, { stock_left: 0 }, { stockLeft: 0 }],
    ['limit_exceeded', 409, {}, {}],
    ['idempotency_mismatch', 409, {}, {}],
    ['unknown_sale', 404, {}, {}],
    ['sale_ended', 410, {}, {}],
    ['sale_paused', 423, { retry_after_ms: 2000 }, {}],
    ['sale_not_started', 425, { starts_at_ms: NOW + 60_000 }, { startsAtMs: NOW + 60_000 }],
  ]
  it.each(refusals)('%s is the server’s no', (code, status, over, extra) => {
    expect(replyOfError(problem(code, status, over), NOW)).toEqual({
      kind: 'refused',
      refusal: { code, ...extra },
    })
  })

  it.each(['busy', 'dependency_unavailable', 'recovering', 'draining'] as const)(
    '%s leaves open what happened, and says when to ask',
    (code) => {
      expect(replyOfError(problem(code, 503, { retry_after_ms: 700 }), NOW)).toEqual({
        kind: 'later',
        code,
        waitMs: 700,
        isCertain: false,
      })
    },
  )

  it('rate_limited did nothing, and tells its level', () => {
    expect(replyOfError(problem('rate_limited', 429, { retry_after_ms: 3000, limit: 'ip' }), NOW)).toEqual({
      kind: 'later',
      code: 'rate_limited',
      waitMs: 3000,
      isCertain: true,
      limit: 'ip',
    })
  })

  it('sale_not_started in the opening moment waits for the opening, not less', () => {
    const error = problem('sale_not_started', 425, { starts_at_ms: NOW + 40, retry_after_ms: 10 })
    expect(replyOfError(error, NOW)).toMatchObject({ kind: 'later', waitMs: 40, isCertain: true })
  })

  it.each(['unauthenticated', 'token_expired'] as const)('%s keeps the attempt for the log-in', (code) => {
    expect(replyOfError(problem(code, 401), NOW)).toEqual({ kind: 'signedOut' })
  })

  it('what nobody expected is a refusal with a reference', () => {
    expect(replyOfError(problem('forbidden', 403), NOW)).toEqual({
      kind: 'refused',
      refusal: { code: 'unexpected', requestId: 'r1' },
    })
  })

  it('no answer, a foreign answer, a foreign body: nobody knows', () => {
    expect(replyOfError(new ApiError('network', 0, null, null), NOW)).toEqual({ kind: 'silent' })
    expect(replyOfError(new ApiError('timeout', 0, null, null), NOW)).toEqual({ kind: 'silent' })
    expect(replyOfError(new ApiError('malformed', 403, null, null), NOW)).toEqual({ kind: 'silent' })
    expect(replyOfError(new Error('bug'), NOW)).toEqual({ kind: 'silent' })
    expect(replyOfBody('<html>Log in to the hotel</html>')).toEqual({ kind: 'silent' })
    expect(replyOfBody({ order_id: 'o' })).toEqual({ kind: 'silent' })
  })
})

describe('answers to the question what happened', () => {
  it('404 of the shop: nothing is held; 404 of somebody else: nobody knows', () => {
    expect(replyOfAskError(problem('not_found', 404), NOW)).toEqual({ kind: 'nothing' })
    // an edge that has just started does not know the sale yet
    expect(replyOfAskError(problem('unknown_sale', 404), NOW)).toEqual({ kind: 'silent' })
    expect(replyOfAskError(new ApiError('malformed', 404, null, null), NOW)).toEqual({ kind: 'silent' })
  })

  it('a refusal to answer says nothing about the purchase', () => {
    expect(replyOfAskError(problem('forbidden', 403), NOW)).toEqual({ kind: 'silent' })
    expect(replyOfAskError(problem('recovering', 503, { retry_after_ms: 500 }), NOW)).toMatchObject({
      kind: 'later',
      code: 'recovering',
    })
  })
})
