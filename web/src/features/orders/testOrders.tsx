/** The page of an order for tests; the shop is msw's. */
import { clearAttempts } from '@/shared/lib/storage'
import { renderPage } from '@/test/renderPage'
import { screen } from '@testing-library/react'
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { OrderDetail } from './OrderDetail'
import { ORDER_ID, orderOf } from './samples'

const LATER = Date.now() + 600_000
export const fresh = (
  status: Parameters<typeof orderOf>[0],
  payments: Parameters<typeof orderOf>[1] = [],
  more: Parameters<typeof orderOf>[2] = {},
) => {
  const made = orderOf(status, payments, { pay_before_ms: LATER, ...more })
  const timeline = made.timeline.map((entry) => ({ ...entry, at_ms: Date.now() }))
  return { ...made, timeline }
}

/** What the shop has, and the keys of the payments it was sent. */
export const world = { order: fresh('pending_payment'), keys: [] as (string | null)[] }
export const problem = (status: number, code: string) =>
  HttpResponse.json(
    {
      code,
      status,
      title: code,
      detail: code,
      request_id: 'r',
      trace_id: 't',
      type: 'u',
      retryable: status === 503,
    },
    { status },
  )
export const server = setupServer(
  http.get('*/api/v1/time', () => HttpResponse.json({ now_ms: Date.now() })),
  http.get('*/api/v1/sales/7', () => HttpResponse.json({ sale_id: '7', title: 'Espresso machine' })),
  http.get('*/api/v1/orders/:id', () => HttpResponse.json(world.order)),
)
/** For every test file of it. */
export function playShop(): void {
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
  beforeEach(async () => {
    world.order = fresh('pending_payment')
    world.keys.length = 0
    await clearAttempts()
  })
  afterEach(() => server.resetHandlers())
  afterAll(() => server.close())
}

export function onPayment(answer: (tries: number) => Response): void {
  server.use(
    http.post('*/api/v1/orders/:id/payments', ({ request }) => {
      world.keys.push(request.headers.get('Idempotency-Key'))
      return answer(world.keys.length)
    }),
  )
}

export const show = () => renderPage(<OrderDetail orderId={ORDER_ID} />)
export const payButton = () => screen.findByRole('button', { name: /^Pay/ })
