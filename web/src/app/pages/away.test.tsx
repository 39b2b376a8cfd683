/** The sale's page while the shop is away: it asks again by itself, and who was signed in is not told to log in. */
import { stopAttempts } from '@/features/purchase/registry'
import { people, problem, sale, server, show } from '@/test/shop'
import { screen, waitFor } from '@testing-library/react'
import { http, HttpResponse } from 'msw'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { SalePage } from './SalePage'

const PATIENCE = { timeout: 12_000 }
vi.setConfig({ testTimeout: 15_000 })
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(() => stopAttempts())
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const away = () => problem(503, 'dependency_unavailable') // not worth a retry of the query's own

describe('who is here', () => {
  it('is asked again while it cannot be told, without "log in"', async () => {
    let isAway = true
    server.use(
      http.get('*/api/v1/sessions/current', () => (isAway ? away() : undefined)),
      ...people('3'),
      http.get('*/api/v1/sales/7', () => HttpResponse.json(sale())),
    )
    show('/sales/7', '/sales/:saleId', <SalePage />)
    expect(await screen.findByText('One moment…')).toBeVisible()
    await new Promise((done) => setTimeout(done, 500))
    expect(screen.queryByText('Log in to buy')).toBeNull()
    expect(screen.getByTestId('buy')).toHaveAttribute('aria-disabled', 'true')
    isAway = false
    await waitFor(() => expect(screen.getByTestId('buy')).not.toHaveAttribute('aria-disabled'), PATIENCE)
  })
})

describe('a sale whose first answer fails', () => {
  it('is asked for again, and the notice says so, and stays until then', async () => {
    let asks = 0
    server.use(
      ...people(null),
      http.get('*/api/v1/sales/7', () => {
        asks += 1
        return asks <= 4
          ? problem(503, 'busy', { retryable: true, retry_after_ms: 50 })
          : HttpResponse.json(sale())
      }),
    )
    show('/sales/7', '/sales/:saleId', <SalePage />)
    expect(await screen.findByText(/This page tries again by itself/, {}, PATIENCE)).toBeVisible()
    expect(await screen.findByRole('heading', { name: 'Lamp' }, PATIENCE)).toBeVisible()
  })
})
