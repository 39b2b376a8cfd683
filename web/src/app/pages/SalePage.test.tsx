/** The sale's page against a network that is played: every outcome of the contract is said in its own words with its own next step. */
import { stopAttempts } from '@/features/purchase/registry'
import { clearAttempts } from '@/shared/lib/storage'
import { people, problem, purchaseOf, sale, server, show } from '@/test/shop'
import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse, type HttpResponseResolver } from 'msw'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SalePage } from './SalePage'

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(async () => {
  stopAttempts()
  await clearAttempts()
})
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const PURCHASES = '*/api/v1/sales/7/purchases'
const ONE = '*/api/v1/sales/7/purchases/:key'

function open(
  purchases: HttpResponseResolver,
  ask: HttpResponseResolver,
  over = {},
  user: string | null = '3',
) {
  server.use(
    ...people(user),
    http.get('*/api/v1/sales/7', () => HttpResponse.json(sale(over))),
    http.post(PURCHASES, purchases),
    http.get(ONE, ask),
  )
  show('/sales/7', '/sales/:saleId', <SalePage />)
}

const notHeld: HttpResponseResolver = () => problem(404, 'not_found')

async function tapBuy(): Promise<void> {
  const button = await screen.findByRole('button', { name: /Buy now/ })
  await waitFor(() => expect(button).not.toHaveAttribute('aria-disabled'))
  await userEvent.click(button)
}

describe('an outcome', () => {
  it('won: order, place in the line, time to pay, the way to pay; it stays after a reload, until it is put away', async () => {
    open(
      () => HttpResponse.json(purchaseOf(), { status: 201 }),
      () => HttpResponse.json(purchaseOf()),
    )
    await tapBuy()
    const ticket = await screen.findByTestId('won')
    expect(within(ticket).getByText('137')).toBeVisible()
    expect(within(ticket).getByText(purchaseOf().order_id)).toBeVisible()
    expect(within(ticket).getByRole('link', { name: 'Pay now' })).toHaveAttribute(
      'href',
      `/orders/${purchaseOf().order_id}`,
    )
    expect(screen.getByTestId('spoken')).toHaveTextContent('You were number 137')
    expect(screen.queryByTestId('buy')).toBeNull()
    stopAttempts()
    document.body.replaceChildren()
    show('/sales/7', '/sales/:saleId', <SalePage />)
    await userEvent.click(
      within(await screen.findByTestId('won')).getByRole('button', { name: 'Put this ticket away' }),
    )
    expect(await screen.findByTestId('buy')).toBeVisible()
  })

  const outcomes: [string, number, object, string, string | null][] = [
    ['already_purchased', 409, { order_id: 'o-5' }, 'You already have one', 'See your order'],
    ['sold_out', 409, { stock_left: 0 }, 'Others were faster this time', 'Other sales'],
    ['sold_out', 409, { stock_left: 2 }, 'Only 2 pieces are left', 'Other sales'],
    ['limit_exceeded', 409, {}, 'Choose fewer pieces', null],
    ['idempotency_mismatch', 409, {}, 'Look at your orders first', 'My orders'],
    ['unknown_sale', 404, {}, 'This sale is not here any more', 'Other sales'],
    ['sale_ended', 410, {}, 'Your attempt came after the end', 'Other sales'],
    ['sale_paused', 423, {}, 'when the shop goes on', null],
    ['sale_not_started', 425, { starts_at_ms: Date.now() + 600_000 }, 'The sale opens', null],
    ['forbidden', 403, {}, 'tell the shop req-9', null],
  ]
  it.each(outcomes)('%s (%d): %o', async (code, status, over, words, next) => {
    open(() => problem(status, code, over), notHeld)
    await tapBuy()
    await waitFor(() => expect(screen.getByTestId('spoken')).toHaveTextContent(words))
    expect(screen.getAllByText(new RegExp(words)).length).toBeGreaterThan(1) // read and seen
    if (next) expect(screen.getByRole('link', { name: next })).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Close' }))
    await waitFor(() => expect(screen.getByTestId('spoken')).toBeEmptyDOMElement())
    expect(screen.queryByRole('button', { name: 'Close' })).toBeNull()
  })

  const waits: [string, number, object, string][] = [
    ['rate_limited', 429, { limit: 'user' }, 'You were a little fast'],
    ['rate_limited', 429, { limit: 'ip' }, 'share your network'],
    ['rate_limited', 429, { limit: 'sale' }, 'Very many people want this'],
    ['rate_limited', 429, { limit: 'global' }, 'The whole shop is full'],
    ['busy', 503, {}, 'has its hands full'],
    ['dependency_unavailable', 503, {}, 'on its way back'],
    ['recovering', 503, {}, 'checks its books'],
    ['draining', 503, {}, 'another takes over'],
    ['internal_error', 500, {}, 'We do not guess'],
  ]
  it.each(waits)('%s (%d) %o: waits as told, then the same key wins', async (code, status, over, words) => {
    const keys: (string | null)[] = []
    open(({ request }) => {
      keys.push(request.headers.get('Idempotency-Key'))
      return keys.length === 1
        ? problem(status, code, { ...over, retry_after_ms: 400 })
        : HttpResponse.json(purchaseOf(), { status: 201 })
    }, notHeld)
    await tapBuy()
    await waitFor(() => expect(screen.getByTestId('spoken')).toHaveTextContent(words))
    expect(screen.getByText(/Again in 1 s/)).toBeVisible()
    await screen.findByTestId('won', {}, { timeout: 3000 })
    expect(keys).toHaveLength(2)
    expect(keys[0]).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
    expect(keys[1]).toBe(keys[0])
  })
})

describe('an answer that does not come', () => {
  it('is asked about; a held purchase is won without a second send', async () => {
    let sends = 0
    open(
      () => {
        sends += 1
        return HttpResponse.error()
      },
      () => HttpResponse.json(purchaseOf()),
    )
    await tapBuy()
    await screen.findByTestId('won')
    expect(sends).toBe(1)
  })

  it('without a network is never called a failure', async () => {
    open(
      () => HttpResponse.error(),
      () => HttpResponse.error(),
    )
    await tapBuy()
    await waitFor(() => expect(screen.getByTestId('spoken')).toHaveTextContent('We do not guess'))
    expect(screen.queryByText(/Nothing was bought/)).toBeNull()
    expect(screen.getByTestId('buy')).toHaveAttribute('aria-disabled', 'true')
  })
})

describe('who is here', () => {
  it('nobody: the button leads to the log-in and back', async () => {
    open(notHeld, notHeld, {}, null)
    expect(await screen.findByRole('link', { name: 'Log in to buy' })).toHaveAttribute(
      'href',
      '/login?to=%2Fsales%2F7',
    )
  })

  it('a session that ended under the attempt: it is kept, and the next step is the log-in', async () => {
    open(() => problem(401, 'token_expired'), notHeld)
    await tapBuy()
    expect(await screen.findByRole('link', { name: 'Log in and go on' })).toHaveAttribute(
      'href',
      '/login?to=%2Fsales%2F7',
    )
  })

  it('another shopper in the same browser sees nothing of it', async () => {
    open(
      () => HttpResponse.json(purchaseOf(), { status: 201 }),
      () => HttpResponse.json(purchaseOf()),
    )
    await tapBuy()
    await screen.findByTestId('won')
    document.body.replaceChildren()
    server.use(...people('4'))
    show('/sales/7', '/sales/:saleId', <SalePage />)
    await waitFor(() =>
      expect(screen.getByRole('button', { name: /Buy now/ })).not.toHaveAttribute('aria-disabled'),
    )
    expect(screen.queryByTestId('won')).toBeNull()
  })
})

describe('a sale that is not there', () => {
  it('says so', async () => {
    server.use(
      ...people(null),
      http.get('*/api/v1/sales/7', () => problem(404, 'unknown_sale')),
    )
    show('/sales/7', '/sales/:saleId', <SalePage />)
    expect(await screen.findByRole('heading', { name: 'This sale is not here' })).toBeVisible()
  })
})
