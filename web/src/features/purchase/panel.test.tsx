/** The panel's manners: the focus never falls to nowhere, a held key buys once, old refusals go when the sale opens again. */
import { clearAttempts } from '@/shared/lib/storage'
import { nowMs, useServerClock } from '@/shared/lib/serverClockStore'
import type { Purchase, SaleState } from '@/shared/api/types'
import { problem, purchaseOf, sale, server } from '@/test/shop'
import { configure, fireEvent, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse, type HttpResponseResolver } from 'msw'
import { MemoryRouter } from 'react-router'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { BuyPanel } from './BuyPanel'
import { stopAttempts } from './registry'

vi.setConfig({ testTimeout: 15_000 })
configure({ asyncUtilTimeout: 3000 })
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(async () => {
  stopAttempts()
  await clearAttempts()
  useServerClock.setState({
    estimate: {
      offsetMs: Date.now() - performance.now(),
      errorMs: 6,
      atMs: performance.now(),
      samples: 5,
    },
  })
})
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const user = { user_id: '3', username: 'a', role: 'shopper' } as const
let sends = 0

function panel(state: SaleState) {
  return (
    <MemoryRouter>
      <BuyPanel sale={sale()} state={state} user={user} isUserPending={false} />
    </MemoryRouter>
  )
}

async function open(send: HttpResponseResolver, ask: HttpResponseResolver = () => problem(404, 'not_found')) {
  sends = 0
  server.use(
    http.post('*/purchases', (info) => {
      sends += 1
      return send(info)
    }),
    http.get('*/purchases/:key', ask),
  )
  const page = render(panel('live'))
  await waitFor(() => expect(screen.getByTestId('buy')).not.toHaveAttribute('aria-disabled'))
  return page
}

const buy = (): HTMLElement => screen.getByTestId('buy')
const soldOut: HttpResponseResolver = () => problem(409, 'sold_out', { stock_left: 0 })
const click = async (name: string): Promise<void> =>
  userEvent.click(await screen.findByRole('button', { name }))

describe('the focus', () => {
  it('goes back to the buy button when a refusal is closed', async () => {
    await open(soldOut)
    await userEvent.click(buy())
    await click('Close')
    await waitFor(() => expect(buy()).toHaveFocus())
  })

  it('goes to the ticket that was won, and back when it is put away', async () => {
    await open(() => HttpResponse.json(purchaseOf(), { status: 201 }))
    await userEvent.click(buy())
    await waitFor(() => expect(screen.getByRole('heading', { name: 'It is yours' })).toHaveFocus())
    await click('Put this ticket away')
    await waitFor(() => expect(buy()).toHaveFocus())
  })

  it('goes to what is offered, and back when it is tried again', async () => {
    await open(() => problem(429, 'rate_limited', { retry_after_ms: 61_000 }))
    await userEvent.click(buy())
    await waitFor(() => expect(screen.getByRole('group', { name: 'Nothing was bought yet' })).toHaveFocus())
    await click('Leave it')
    await waitFor(() => expect(buy()).toHaveFocus())
  })
})

/** A browser clicks at every keydown of Enter that is not prevented, also at those of a key that is held. */
function enter(repeat: boolean): void {
  const focused = document.activeElement ?? document.body
  if (fireEvent.keyDown(focused, { key: 'Enter', repeat })) fireEvent.click(focused)
}

describe('a key held down', () => {
  it('on the sleeping button buys once it is armed, once', async () => {
    const page = await open(soldOut)
    page.rerender(panel('scheduled'))
    buy().focus()
    enter(false)
    enter(true)
    page.rerender(panel('live'))
    enter(true)
    await screen.findByRole('button', { name: 'Close' })
    for (let i = 0; i < 3; i++) enter(true)
    await new Promise((done) => setTimeout(done, 100))
    expect(sends).toBe(1)
    enter(false)
    await waitFor(() => expect(sends).toBe(2))
  })

  it('on "Close" does not buy when the focus comes back', async () => {
    await open(soldOut)
    await userEvent.click(buy())
    const close = await screen.findByRole('button', { name: 'Close' })
    close.focus()
    enter(false)
    await waitFor(() => expect(buy()).toHaveFocus())
    enter(true)
    await new Promise((done) => setTimeout(done, 100))
    expect(sends).toBe(1)
  })
})

describe('a refusal about the state of the sale', () => {
  it('stays while the sale looks live, and is gone once it has closed and opened again', async () => {
    const page = await open(() => problem(423, 'sale_paused'))
    await userEvent.click(buy())
    await screen.findByRole('button', { name: 'Close' })
    page.rerender(panel('paused'))
    expect(screen.getByRole('button', { name: 'Close' })).toBeVisible()
    page.rerender(panel('live'))
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Close' })).toBeNull())
  })

  it('of another kind stays', async () => {
    const page = await open(() => problem(409, 'limit_exceeded'))
    await userEvent.click(buy())
    await screen.findByRole('button', { name: 'Close' })
    page.rerender(panel('paused'))
    page.rerender(panel('live'))
    await new Promise((done) => setTimeout(done, 50))
    expect(screen.getByRole('button', { name: 'Close' })).toBeVisible()
  })
})

describe('the ticket', () => {
  it('shows what became of the order when somebody comes back to the page', async () => {
    let present: Purchase = purchaseOf()
    const page = await open(
      () => HttpResponse.json(present, { status: 201 }),
      () => HttpResponse.json(present),
    )
    await userEvent.click(buy())
    await screen.findByRole('link', { name: 'Pay now' })
    page.unmount()
    present = purchaseOf({ status: 'paid' })
    render(panel('live'))
    expect(await screen.findByText('All done. You find it among your orders.')).toBeVisible()
    expect(screen.queryByRole('link', { name: 'Pay now' })).toBeNull()
  })

  it('past its time does not say "pay", points to the order, and asks until it is closed', async () => {
    const late = purchaseOf({ pay_before_ms: nowMs() - 1400 })
    let asks = 0
    await open(
      () => HttpResponse.json(late, { status: 201 }),
      () => {
        asks += 1
        if (asks === 1) return HttpResponse.error()
        return HttpResponse.json(asks === 2 ? late : { ...late, status: 'expired' })
      },
    )
    await userEvent.click(buy())
    expect(await screen.findByRole('heading', { name: 'The time to pay is over' })).toBeVisible()
    expect(screen.getByRole('link', { name: 'See the order' })).toBeVisible()
    expect(screen.queryByRole('link', { name: 'Pay now' })).toBeNull()
    expect(
      await screen.findByRole('heading', { name: 'This order is closed' }, { timeout: 18_000 }),
    ).toBeVisible()
    expect(asks).toBe(3)
  }, 20_000)
})
