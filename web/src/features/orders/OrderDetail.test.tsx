import { sessionHint } from '@/shared/api/sessionHint'
import { useServerClock } from '@/shared/lib/serverClockStore'
import { clearAttempts } from '@/shared/lib/storage'
import { renderPage } from '@/test/renderPage'
import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { beginAttempt, keptAttempt } from './attempt'
import { OrderDetail } from './OrderDetail'
import { ORDER_ID, orderOf } from './samples'

const LATER = Date.now() + 600_000
const fresh = (
  status: Parameters<typeof orderOf>[0],
  payments: Parameters<typeof orderOf>[1] = [],
  more: Parameters<typeof orderOf>[2] = {},
) => {
  const made = orderOf(status, payments, { pay_before_ms: LATER, ...more })
  const timeline = made.timeline.map((entry) => ({ ...entry, at_ms: Date.now() }))
  return { ...made, timeline }
}

let order = fresh('pending_payment')
const keys: (string | null)[] = []
const problem = (status: number, code: string) =>
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
const server = setupServer(
  http.get('*/api/v1/time', () => HttpResponse.json({ now_ms: Date.now() })),
  http.get('*/api/v1/sales/7', () => HttpResponse.json({ sale_id: '7', title: 'Espresso machine' })),
  http.get('*/api/v1/orders/:id', () => HttpResponse.json(order)),
)
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(async () => {
  order = fresh('pending_payment')
  keys.length = 0
  await clearAttempts()
})
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

function onPayment(answer: (tries: number) => Response): void {
  server.use(
    http.post('*/api/v1/orders/:id/payments', ({ request }) => {
      keys.push(request.headers.get('Idempotency-Key'))
      return answer(keys.length)
    }),
  )
}

const show = () => renderPage(<OrderDetail orderId={ORDER_ID} />)
const payButton = () => screen.findByRole('button', { name: /^Pay/ })

describe('the ticket says what it is, and where it stands', () => {
  it('names the sale, the place, the money and what happened', async () => {
    order = fresh('paid', ['captured'], {
      timeline: [
        { at_ms: 1, event: 'paid', actor: 'provider' },
        { at_ms: 2, event: 'teleported', actor: 'admin' },
      ],
    })
    await show()
    expect(await screen.findByText('Espresso machine')).toBeVisible()
    expect(screen.getByText('No. 41')).toBeVisible()
    expect(screen.getByText('€39.98')).toBeVisible()
    expect(screen.getByText('teleported')).toBeVisible()
    expect(screen.getByText(/by admin of the shop/)).toBeVisible()
    expect(screen.queryByRole('button')).toBeNull()
  })

  it('calms while the order is being written', async () => {
    order = fresh('reserved')
    await show()
    expect(await screen.findByText(/Your reservation is safe/)).toBeVisible()
  })

  it('tries again by itself, as it says, and stays calm meanwhile', async () => {
    server.use(http.get('*/api/v1/orders/:id', () => HttpResponse.error(), { once: true }))
    await show()
    expect(await screen.findByText(/tries again by itself/)).toBeVisible()
    expect(await screen.findByText('Espresso machine', {}, { timeout: 4000 })).toBeVisible()
    expect(screen.queryByText(/tries again by itself/)).toBeNull()
  })

  it('tells somebody else’s order from a failure', async () => {
    server.use(http.get('*/api/v1/orders/:id', () => problem(404, 'not_found')))
    await show()
    expect(await screen.findByText('This order is not here')).toBeVisible()
  })
})

it('a device clock that is hours ahead hides no payment, with the server’s clock known or not', async () => {
  useServerClock.setState({ estimate: null })
  server.use(http.get('*/api/v1/time', () => HttpResponse.error()))
  order = fresh('pending_payment', [], { pay_before_ms: Date.now() - 3_600_000 })
  await show()
  expect(await payButton()).toBeEnabled()
})

describe('one tap is one payment', () => {
  it('sends the chosen outcome, then waits for the provider', async () => {
    onPayment(() => {
      order = fresh('pending_payment', ['pending'])
      return HttpResponse.json({ payment_id: '0', status: 'pending' }, { status: 201 })
    })
    await show()
    await userEvent.click(await screen.findByLabelText('The payment is declined'))
    await userEvent.click(await payButton())
    expect(await screen.findByText(/has not decided yet/)).toBeVisible()
    expect(await keptAttempt(ORDER_ID)).toBeNull()
    order = fresh('pending_payment', ['declined'])
    expect(await screen.findByText(/declined the last payment/, {}, { timeout: 4000 })).toBeVisible()
    expect(await payButton()).toBeEnabled()
  })

  it('repeats what was not answered under the same key', async () => {
    onPayment((tries) => {
      if (tries === 1) return HttpResponse.error()
      if (tries === 2) return problem(503, 'busy')
      order = fresh('paid', ['captured'])
      return HttpResponse.json({ payment_id: '0', status: 'captured' }, { status: 201 })
    })
    await show()
    await userEvent.click(await payButton())
    expect(await screen.findByText(/never be charged twice/)).toBeVisible()
    expect(await keptAttempt(ORDER_ID)).toMatchObject({ key: keys[0], outcome: 'succeed' })
    expect(await screen.findByText(/Paid, and yours/, {}, { timeout: 9000 })).toBeVisible()
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
  }, 15_000)

  it('goes on with a payment that a closed page left unanswered', async () => {
    await beginAttempt(ORDER_ID, { key: 'pay-kept', outcome: 'succeed' })
    onPayment(() => {
      order = fresh('paid', ['captured'])
      return HttpResponse.json({ payment_id: '0', status: 'captured' }, { status: 201 })
    })
    await show()
    expect(await screen.findByText(/Paid, and yours/)).toBeVisible()
    expect(keys).toEqual(['pay-kept'])
  })

  it('is not offered again when only asking for the order fails after it', async () => {
    onPayment(() => {
      server.use(http.get('*/api/v1/orders/:id', () => problem(503, 'busy')))
      return HttpResponse.json({ payment_id: '0', status: 'pending' }, { status: 201 })
    })
    await show()
    await userEvent.click(await payButton())
    expect(await screen.findByText(/has not decided yet/)).toBeVisible()
    expect(await screen.findByText(/Last known/)).toBeVisible()
    expect(screen.queryByRole('button', { name: /^Pay/ })).toBeNull()
    expect(await keptAttempt(ORDER_ID)).toBeNull()
  })

  it('sends what another tab has begun, not a second payment', async () => {
    await show()
    await payButton()
    await beginAttempt(ORDER_ID, { key: 'pay-other-tab', outcome: 'decline' })
    onPayment(() => {
      order = fresh('pending_payment', ['pending'])
      return HttpResponse.json({ payment_id: '0', status: 'pending' }, { status: 201 })
    })
    await userEvent.click(await payButton())
    expect(await screen.findByText(/has not decided yet/)).toBeVisible()
    expect(keys).toEqual(['pay-other-tab'])
  })

  it('keeps its key over the repetitions, though another tab has had the answer', async () => {
    onPayment((tries) => {
      if (tries === 1) {
        void clearAttempts()
        return problem(503, 'busy')
      }
      order = fresh('pending_payment', ['pending'])
      return HttpResponse.json({ payment_id: '0', status: 'pending' }, { status: 201 })
    })
    await show()
    await userEvent.click(await payButton())
    expect(await screen.findByText(/has not decided yet/, {}, { timeout: 4000 })).toBeVisible()
    expect(new Set(keys).size).toBe(1)
    expect(await keptAttempt(ORDER_ID)).toBeNull()
  })

  it('ends with the log-out: nothing is repeated, nothing is kept again', async () => {
    sessionHint.set('5')
    onPayment(() => {
      sessionHint.clear()
      void clearAttempts()
      return problem(503, 'busy')
    })
    await show()
    await userEvent.click(await payButton())
    await screen.findByText(/never be charged twice/)
    await new Promise((done) => setTimeout(done, 1500)) // the first repetition is due within 1.2 s
    expect(keys).toHaveLength(1)
    sessionHint.set('5')
    expect(await keptAttempt(ORDER_ID)).toBeNull()
  })

  it('is not sent, and not said to be, if it cannot be kept', async () => {
    await show()
    const button = await payButton()
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    await userEvent.click(button)
    expect(await screen.findByText(/nothing was sent/)).toBeVisible()
    expect(await payButton()).toBeEnabled()
  })

  it('gives a refusal words, and the key up', async () => {
    onPayment(() => problem(409, 'limit_exceeded'))
    await show()
    await userEvent.click(await payButton())
    expect(await screen.findByText(/too many payments/)).toBeVisible()
    expect(await keptAttempt(ORDER_ID)).toBeNull()
  })
})

describe('cancelling asks first', () => {
  it('does nothing on Escape', async () => {
    await show()
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel this order' }))
    expect(await screen.findByRole('dialog')).toBeVisible()
    await userEvent.keyboard('{Escape}')
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    const opener = screen.getByRole('button', { name: 'Cancel this order' })
    await waitFor(() => expect(opener).toHaveFocus())
  })

  it('cancels, and says so', async () => {
    server.use(
      http.post('*/api/v1/orders/:id/cancel', () => {
        order = fresh('cancelled')
        return HttpResponse.json(order)
      }),
    )
    await show()
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel this order' }))
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel the order' }))
    expect(await screen.findByText(/This order was cancelled/)).toBeVisible()
    expect(screen.queryByRole('button', { name: 'Cancel this order' })).toBeNull()
  })

  it('stays while it is sent: nothing there looks as if it could be called back', async () => {
    let answer = (): void => undefined
    const answered = new Promise<void>((resolve) => (answer = resolve))
    server.use(
      http.post('*/api/v1/orders/:id/cancel', async () => {
        await answered
        return problem(409, 'limit_exceeded')
      }),
    )
    await show()
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel this order' }))
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel the order' }))
    await userEvent.keyboard('{Escape}')
    expect(screen.getByRole('dialog')).toBeVisible()
    expect(screen.getByRole('button', { name: 'Keep the order' })).toBeDisabled()
    answer()
    expect(await screen.findByText(/Something went wrong on our side/)).toBeVisible()
    await waitFor(() => expect(screen.getByRole('button', { name: 'Keep the order' })).toBeEnabled())
    await userEvent.click(screen.getByRole('button', { name: 'Keep the order' }))
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel this order' }))
    expect(await screen.findByRole('dialog')).toBeVisible()
    expect(screen.queryByText(/Something went wrong/)).toBeNull()
  })

  it('says how it stands when it was too late', async () => {
    server.use(
      http.post('*/api/v1/orders/:id/cancel', () => {
        order = fresh('paid', ['captured'])
        return problem(409, 'invalid_state')
      }),
    )
    await show()
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel this order' }))
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel the order' }))
    expect(await screen.findByText(/It is now: Paid/)).toBeVisible()
  })
})
