/** What an order's state means for its owner: what is said, what can be done, how soon to look again. Pure. */
import { nextPollMs } from '@/shared/lib/pacing'
import type { Order, OrderStatus, Payment, PaymentStatus } from '@/shared/api/types'

/** A status, and `paying`: pending, with a payment that the provider has not decided, or whose decision the order does not show yet. */
export type Phase = OrderStatus | 'paying'

export function phaseOf(order: Order): Phase {
  const isUnderWay = order.payments.some(({ status }) => status === 'pending' || status === 'captured')
  return order.status === 'pending_payment' && isUnderWay ? 'paying' : order.status
}

/** The order as it is once this payment has begun, until it is asked for again. Only a written order takes payments. */
export function withPayment(order: Order, payment: Payment, nowMs: number): Order {
  if (order.payments.some(({ payment_id }) => payment_id === payment.payment_id)) return order
  return {
    ...order,
    status: order.status === 'reserved' ? 'pending_payment' : order.status,
    payments: [...order.payments, payment],
    timeline: [...order.timeline, { at_ms: nowMs, event: 'payment_created', actor: 'shopper' }],
  }
}

export type Tone = 'info' | 'good' | 'warn' | 'bad' | 'plain'

const tones: Record<Phase, Tone> = {
  reserved: 'info',
  pending_payment: 'warn',
  paying: 'info',
  paid: 'good',
  cancelled: 'plain',
  expired: 'plain',
  rejected: 'bad',
  refunded: 'info',
}

export function toneOf(phase: Phase): Tone {
  return tones[phase]
}

const paymentTones: Record<PaymentStatus, Tone> = {
  pending: 'info',
  captured: 'good',
  declined: 'bad',
  refund_due: 'warn',
  refunded: 'info',
}

export function paymentToneOf(status: PaymentStatus): Tone {
  return paymentTones[status]
}

/** Nothing decided yet: it can be paid, and given back. */
export function isOpen(order: Order): boolean {
  return order.status === 'reserved' || order.status === 'pending_payment'
}

export function isCancellable(order: Order): boolean {
  return isOpen(order)
}

const SLOW_PROVIDER_MS = 15_000

/** The provider has been silent so long that its owner may start another payment; one of two captures goes back. */
export function isProviderSlow(order: Order, nowMs: number | null): boolean {
  if (nowMs === null) return false
  const begun = order.timeline.findLast((entry) => entry.event === 'payment_created')
  return phaseOf(order) === 'paying' && begun !== undefined && nowMs - begun.at_ms > SLOW_PROVIDER_MS
}

/** True once the time to pay is over for sure. While server time is not known (null), the server decides. */
function isPastDeadline(order: Order, nowMs: number | null): boolean {
  return nowMs !== null && nowMs >= order.pay_before_ms
}

/** Its time to pay runs. */
export function isTicking(order: Order, nowMs: number | null): boolean {
  return isOpen(order) && !isPastDeadline(order, nowMs)
}

export function isPayable(order: Order, nowMs: number | null): boolean {
  return isTicking(order, nowMs) && (phaseOf(order) !== 'paying' || isProviderSlow(order, nowMs))
}

/** The last try was declined, and nothing has come of the order since. */
export function wasDeclined(order: Order): boolean {
  return phaseOf(order) === 'pending_payment' && order.payments.at(-1)?.status === 'declined'
}

export function isRefundDue(order: Order): boolean {
  return order.payments.some((payment) => payment.status === 'refund_due')
}

const events = [
  'reserved',
  'pending_payment',
  'paid',
  'cancelled',
  'expired',
  'rejected',
  'refunded',
  'payment_created',
  'payment_captured',
  'payment_declined',
  'payment_refund_due',
  'payment_refunded',
] as const
const actors = ['seckill', 'ordering', 'shopper', 'timeout', 'provider'] as const

export type KnownEvent = (typeof events)[number]
export type KnownActor = (typeof actors)[number]

/** null: an event that this version of the pages does not know; it is shown as it is. */
export function knownEvent(event: string): KnownEvent | null {
  return events.find((known) => known === event) ?? null
}

/** null: an operator, by name. */
export function knownActor(actor: string): KnownActor | null {
  return actors.find((known) => known === actor) ?? null
}

const PAYING_MS = 1000
const REFUND_MS = 3000
const CALM_MS = 15_000
const AFTER_EXPIRY_MS = 400

/** Something is due at any moment: soon at first; ever calmer while it does not come, since the shop is ill then. In steps, so that a timer stays. */
function dueAgainMs(sinceMs: number): number {
  if (sinceMs < 5000) return 500
  if (sinceMs < 20_000) return 1000
  return sinceMs < 60_000 ? 2000 : 5000
}

/** ms until the order is worth another look; null = it will not change by itself. */
export function lookAgainMs(order: Order, nowMs: number): number | null {
  if (order.status === 'reserved') return dueAgainMs(nowMs - (order.timeline[0]?.at_ms ?? nowMs))
  if (phaseOf(order) === 'paying') return isProviderSlow(order, nowMs) ? REFUND_MS : PAYING_MS
  if (isRefundDue(order)) return REFUND_MS
  if (order.status !== 'pending_payment') return null
  const leftMs = order.pay_before_ms - nowMs + AFTER_EXPIRY_MS
  return Math.min(CALM_MS, Math.max(dueAgainMs(-leftMs), leftMs))
}

interface Asked {
  failures: number
  retryAfterMs: number | null
}

/** As `lookAgainMs`, with the server's word and failures in a row; false ends the polling. */
export function orderPollMs(
  order: Order | undefined,
  nowMs: number,
  asked: Asked,
  dice: number,
): number | false {
  const floorMs = order ? lookAgainMs(order, nowMs) : null
  if (floorMs === null) return false
  return nextPollMs({ floorMs, failures: asked.failures, retryAfterMs: asked.retryAfterMs ?? 0 }, dice)
}
