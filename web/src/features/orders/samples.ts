/** Orders for tests: as the contract has them. */
import type { Order, OrderStatus, PaymentStatus } from '@/shared/api/types'

export const ORDER_ID = '00000000-0001-87bb-9a33-c686f74efdce'

export function orderOf(
  status: OrderStatus,
  payments: PaymentStatus[] = [],
  more: Partial<Order> = {},
): Order {
  return {
    order_id: ORDER_ID,
    sale_id: '7',
    quantity: 2,
    price_cents: 1999,
    total_cents: 3998,
    currency: 'EUR',
    status,
    sequence: 41,
    pay_before_ms: 1_000_000,
    payments: payments.map((one, index) => ({ payment_id: String(index).repeat(32), status: one })),
    timeline: [
      { at_ms: 100_000, event: 'reserved', actor: 'seckill' },
      ...payments.map((_, index) => ({
        at_ms: 101_000 + index,
        event: 'payment_created',
        actor: 'shopper',
      })),
    ],
    ...more,
  }
}
