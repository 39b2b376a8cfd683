import type { OrderStatus, PaymentStatus } from '@/shared/api/types'
import { describe, expect, it } from 'vitest'
import {
  isCancellable,
  isPayable,
  isProviderSlow,
  isRefundDue,
  knownActor,
  knownEvent,
  lookAgainMs,
  orderPollMs,
  phaseOf,
  toneOf,
  wasDeclined,
  withPayment,
} from './model'
import { orderOf } from './samples'

const IN_TIME = 500_000
const statuses: OrderStatus[] = [
  'reserved',
  'pending_payment',
  'paid',
  'cancelled',
  'expired',
  'rejected',
  'refunded',
]
const payments: PaymentStatus[][] = [
  [],
  ['pending'],
  ['captured'],
  ['declined'],
  ['refund_due'],
  ['refunded'],
  ['declined', 'pending'],
  ['pending', 'declined'],
]
const all = statuses.flatMap((status) => payments.map((list) => orderOf(status, list)))

describe('what can be done follows from the status, for every status and history of payments', () => {
  it.each(all.map((order) => [order.status, order.payments.map((one) => one.status).join(), order] as const))(
    '%s after [%s]',
    (status, history, order) => {
      const isOpen = status === 'reserved' || status === 'pending_payment'
      const isPaying = status === 'pending_payment' && /pending|captured/.test(history)
      expect(isCancellable(order)).toBe(isOpen)
      expect(phaseOf(order)).toBe(isPaying ? 'paying' : status)
      expect(isPayable(order, 101_500)).toBe(isOpen && !isPaying)
      expect(isPayable(order, order.pay_before_ms)).toBe(false)
      expect(isPayable(order, null)).toBe(isOpen && !isPaying)
      expect(isRefundDue(order)).toBe(history.includes('refund_due'))
      expect(wasDeclined(order)).toBe(status === 'pending_payment' && history === 'declined')
      expect(toneOf(phaseOf(order))).toBeTruthy()
    },
  )
})

describe('a payment that has begun is part of the order before the order is asked for again', () => {
  const begun = { payment_id: 'b'.repeat(32), status: 'pending' as const }
  it.each(['reserved', 'pending_payment'] as OrderStatus[])('%s: another is not offered', (status) => {
    // The payment before it is long begun: only the new one's moment says that the provider is not slow.
    const order = withPayment(orderOf(status, ['declined', 'pending']), begun, 400_000)
    expect(phaseOf(order)).toBe('paying')
    expect(isPayable(order, 401_000)).toBe(false)
  })
  it('is there once, and as the order shows it', () => {
    const order = orderOf('paid', ['captured'])
    expect(withPayment(order, { ...begun, payment_id: '0'.repeat(32) }, 1)).toBe(order)
    expect(withPayment(orderOf('cancelled'), begun, 1).status).toBe('cancelled')
  })
})

describe('a provider that says nothing does not hold the order up', () => {
  const order = orderOf('pending_payment', ['pending'])
  it('offers another payment after a while, not before', () => {
    expect(isProviderSlow(order, 101_000 + 15_000)).toBe(false)
    expect(isProviderSlow(order, 101_000 + 15_001)).toBe(true)
    expect(isPayable(order, 101_000 + 15_001)).toBe(true)
  })
  it('counts from the latest payment', () => {
    const again = orderOf('pending_payment', ['pending', 'pending'], {
      timeline: [
        { at_ms: 0, event: 'payment_created', actor: 'shopper' },
        { at_ms: 200_000, event: 'payment_created', actor: 'shopper' },
      ],
    })
    expect(isProviderSlow(again, 210_000)).toBe(false)
  })
})

describe('the page looks again while something can change by itself', () => {
  it.each([
    ['reserved', [], 104_999, 500],
    ['reserved', [], 105_000, 1000],
    ['reserved', [], 120_000, 2000],
    ['reserved', [], 160_000, 5000],
    ['reserved', [], 9_000_000, 5000],
    ['pending_payment', ['pending'], 102_000, 1000],
    ['pending_payment', ['pending'], IN_TIME, 3000],
    ['pending_payment', [], IN_TIME, 15_000],
    ['pending_payment', [], 998_000, 2400],
    ['pending_payment', [], 1_001_000, 500],
    ['pending_payment', [], 1_010_000, 1000],
    ['pending_payment', [], 2_000_000, 5000],
    ['paid', ['captured'], IN_TIME, null],
    ['paid', ['captured', 'refund_due'], IN_TIME, 3000],
    ['cancelled', ['refund_due'], IN_TIME, 3000],
    ['cancelled', [], IN_TIME, null],
    ['expired', [], IN_TIME, null],
    ['rejected', [], IN_TIME, null],
    ['refunded', ['refunded'], IN_TIME, null],
  ] as [OrderStatus, PaymentStatus[], number, number | null][])(
    '%s after %j',
    (status, list, nowMs, waitMs) => expect(lookAgainMs(orderOf(status, list), nowMs)).toBe(waitMs),
  )

  it('never undercuts Retry-After, and backs off', () => {
    const order = orderOf('pending_payment', ['pending'])
    expect(orderPollMs(order, 102_000, { failures: 0, retryAfterMs: 9000 }, 0)).toBe(9000)
    expect(orderPollMs(order, 102_000, { failures: 3, retryAfterMs: null }, 0)).toBe(8000)
    expect(orderPollMs(undefined, 0, { failures: 0, retryAfterMs: null }, 0)).toBe(false)
    expect(orderPollMs(orderOf('paid'), 0, { failures: 1, retryAfterMs: 1000 }, 0)).toBe(false)
  })
})

describe('what this version does not know is not given words', () => {
  it('events and actors', () => {
    expect(knownEvent('payment_captured')).toBe('payment_captured')
    expect(knownEvent('teleported')).toBeNull()
    expect(knownEvent('toString')).toBeNull()
    expect(knownActor('provider')).toBe('provider')
    expect(knownActor('admin')).toBeNull()
  })
})
