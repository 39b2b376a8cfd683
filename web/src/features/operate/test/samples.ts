import type { Actor, Audit, Limits, Order } from '@/shared/api/types'
import type { OperatorSale } from '../api/types'

/** Answers as the system gives them; tests change what they are about. */
export const saleOf = (changes: Partial<OperatorSale> = {}): OperatorSale => ({
  sale_id: '7',
  product_id: 'KT-1',
  title: 'Copper kettle',
  description: '',
  image_url: '',
  price_cents: 4990,
  list_price_cents: null,
  currency: 'EUR',
  stock_total: 200,
  stock_left: 171,
  starts_at_ms: Date.UTC(2026, 5, 1, 10, 0, 0, 123),
  ends_at_ms: Date.UTC(2026, 5, 1, 11, 0, 0, 456),
  state: 'draft',
  per_user_limit: 1,
  pay_within_s: 900,
  version: 2,
  epoch: 1,
  recovering: false,
  sold: 29,
  ...changes,
})

export const actorOf = (id: string, changes: Partial<Actor> = {}): Actor => ({
  kind: (id.split('/')[0] ?? 'edge') as Actor['kind'],
  id,
  pid: 100,
  state: 'ready',
  endpoint: 'ipc:///x',
  in_flight: 1,
  rate_per_s: 10,
  queue_depth: 2,
  since_ms: 1_790_000_000_000,
  version: '0.1.0',
  ...changes,
})

export const auditOf = (changes: Partial<Audit> = {}): Audit => ({
  stock_total: 200,
  gate_left: 171,
  in_flight: 0,
  reserved: 0,
  pending_payment: 21,
  paid: 8,
  cancelled_returned: 1,
  oversold: 0,
  lost: 0,
  duplicated: 0,
  leaked: 0,
  lost_with_disk: 0,
  balanced: true,
  ...changes,
})

export const limitsOf = (): Limits => ({
  ip: { rate_per_s: 200, burst: 400 },
  user: { count: 50, window_ms: 1000 },
  sale: { rate_per_s: 0, burst: 0 },
  global: { rate_per_s: 5000, burst: 0 },
})

export const ORDER_ID = '00000000-0007-8366-85c1-0bc8c02add56'

export const orderOf = (changes: Partial<Order> = {}): Order => ({
  order_id: ORDER_ID,
  sale_id: '7',
  quantity: 1,
  price_cents: 4990,
  total_cents: 4990,
  currency: 'EUR',
  status: 'pending_payment',
  sequence: 13,
  pay_before_ms: 1_790_000_900_000,
  payments: [],
  timeline: [
    { at_ms: 1_790_000_000_000, event: 'reserved', actor: 'seckill' },
    { at_ms: 1_790_000_000_100, event: 'pending_payment', actor: 'ordering' },
    { at_ms: 1_790_000_000_200, event: 'something_new', actor: 'ordering' },
  ],
  ...changes,
})
