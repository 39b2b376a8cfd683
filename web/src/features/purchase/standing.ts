/** What a result is to the shopper later: pure. */
import type { Purchase } from '@/shared/api/types'
import type { Phase } from './model'

/** An order that holds nothing any more: the shopper may buy again. */
export function isClosed({ status }: Purchase): boolean {
  return ['cancelled', 'expired', 'rejected', 'refunded'].includes(status)
}

export function isPayable({ status }: Purchase): boolean {
  return status === 'reserved' || status === 'pending_payment'
}

/** Whether an answer brings something new about the order. */
export function hasMoved(before: Purchase, after: Purchase): boolean {
  return before.status !== after.status || before.pay_before_ms !== after.pay_before_ms
}

/** Whether a refusal was about the sale's state, which is over once the sale is live again. */
export function isOverAtReopening(phase: Phase): boolean {
  return (
    phase.name === 'refused' && ['sale_paused', 'sold_out', 'sale_not_started'].includes(phase.refusal.code)
  )
}
