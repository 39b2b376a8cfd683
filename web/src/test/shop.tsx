/** A page of the shop for tests: texts, session, queries and routes as in the product; the network is msw's. */
import { makeQueryClient } from '@/shared/api/queryClient'
import type { Problem, Purchase, Sale } from '@/shared/api/types'
import { startI18n } from '@/shared/i18n'
import { useServerClock } from '@/shared/lib/serverClockStore'
import { QueryClientProvider } from '@tanstack/react-query'
import { render } from '@testing-library/react'
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { MemoryRouter, Route, Routes } from 'react-router'
import type { ReactNode } from 'react'

export const server = setupServer()

await startI18n('en')
window.matchMedia = (query: string) =>
  ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }) as unknown as MediaQueryList

export function sale(over: Partial<Sale> = {}): Sale & { now_ms: number } {
  return {
    sale_id: '7',
    product_id: '',
    title: 'Lamp',
    description: 'It glows.',
    image_url: '',
    price_cents: 1000,
    list_price_cents: 2000,
    currency: 'EUR',
    stock_total: 200,
    stock_left: 37,
    starts_at_ms: Date.now() - 60_000,
    ends_at_ms: Date.now() + 3_600_000,
    state: 'live',
    per_user_limit: 1,
    pay_within_s: 900,
    now_ms: Date.now(),
    ...over,
  }
}

export function purchaseOf(over: Partial<Purchase> = {}): Purchase {
  return {
    order_id: '00000000-0000-8000-8000-000000000001',
    sale_id: '7',
    quantity: 1,
    price_cents: 1000,
    total_cents: 1000,
    currency: 'EUR',
    status: 'reserved',
    sequence: 137,
    pay_before_ms: Date.now() + 900_000,
    ...over,
  }
}

export function problem(status: number, code: string, over: Partial<Problem> = {}) {
  const body = {
    type: `urn:minishop:error:${code}`,
    title: code,
    status,
    detail: '',
    code,
    request_id: 'req-9',
    trace_id: '0',
    retryable: false,
    ...over,
  }
  return HttpResponse.json(body, { status, headers: { 'Content-Type': 'application/problem+json' } })
}

/** Server time, and the shopper with this number, or nobody. */
export function people(userId: string | null) {
  if (userId) localStorage.setItem('minishop.signed_in', '1')
  return [
    http.get('*/api/v1/time', () => HttpResponse.json({ now_ms: Date.now() })),
    http.get('*/api/v1/sessions/current', () =>
      userId
        ? HttpResponse.json({
            user: { user_id: userId, username: `shopper-${userId}`, role: 'shopper' },
            expires_at_ms: Date.now() + 1_000_000,
          })
        : problem(401, 'unauthenticated'),
    ),
  ]
}

export function show(path: string, pattern: string, page: ReactNode) {
  useServerClock.setState({ estimate: null })
  return render(
    <QueryClientProvider client={makeQueryClient()}>
      <MemoryRouter initialEntries={[path]}>
        <Routes>
          <Route path={pattern} element={page} />
          <Route path="*" element={null} />
        </Routes>
      </MemoryRouter>
    </QueryClientProvider>,
  )
}
