import { sessionHint } from '@/shared/api/sessionHint'
import { clearAttempts } from '@/shared/lib/storage'
import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { describe, expect, it, vi } from 'vitest'
import { beginAttempt, keptAttempt } from './attempt'
import { ORDER_ID } from './samples'
import { fresh, onPayment, payButton, playShop, problem, server, show, world } from './testOrders'

playShop()

describe('one tap is one payment', () => {
  it('sends the chosen outcome, then waits for the provider', async () => {
    onPayment(() => {
      world.order = fresh('pending_payment', ['pending'])
      return HttpResponse.json({ payment_id: '0', status: 'pending' }, { status: 201 })
    })
    await show()
    await userEvent.click(await screen.findByLabelText('The payment is declined'))
    await userEvent.click(await payButton())
    expect(await screen.findByText(/has not decided yet/)).toBeVisible()
    expect(await keptAttempt(ORDER_ID)).toBeNull()
    world.order = fresh('pending_payment', ['declined'])
    expect(await screen.findByText(/declined the last payment/, {}, { timeout: 4000 })).toBeVisible()
    expect(await payButton()).toBeEnabled()
  })

  it('repeats what was not answered under the same key', async () => {
    onPayment((tries) => {
      if (tries === 1) return HttpResponse.error()
      if (tries === 2) return problem(503, 'busy')
      world.order = fresh('paid', ['captured'])
      return HttpResponse.json({ payment_id: '0', status: 'captured' }, { status: 201 })
    })
    await show()
    await userEvent.click(await payButton())
    expect(await screen.findByText(/never be charged twice/)).toBeVisible()
    expect(await keptAttempt(ORDER_ID)).toMatchObject({ key: world.keys[0], outcome: 'succeed' })
    expect(await screen.findByText(/Paid, and yours/, {}, { timeout: 9000 })).toBeVisible()
    expect(world.keys).toHaveLength(3)
    expect(new Set(world.keys).size).toBe(1)
    expect(world.keys[0]).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
  }, 15_000)

  it('goes on with a payment that a closed page left unanswered', async () => {
    await beginAttempt(ORDER_ID, { key: 'pay-kept', outcome: 'succeed' })
    onPayment(() => {
      world.order = fresh('paid', ['captured'])
      return HttpResponse.json({ payment_id: '0', status: 'captured' }, { status: 201 })
    })
    await show()
    expect(await screen.findByText(/Paid, and yours/)).toBeVisible()
    expect(world.keys).toEqual(['pay-kept'])
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
      world.order = fresh('pending_payment', ['pending'])
      return HttpResponse.json({ payment_id: '0', status: 'pending' }, { status: 201 })
    })
    await userEvent.click(await payButton())
    expect(await screen.findByText(/has not decided yet/)).toBeVisible()
    expect(world.keys).toEqual(['pay-other-tab'])
  })

  it('keeps its key over the repetitions, though another tab has had the answer', async () => {
    onPayment((tries) => {
      if (tries === 1) {
        void clearAttempts()
        return problem(503, 'busy')
      }
      world.order = fresh('pending_payment', ['pending'])
      return HttpResponse.json({ payment_id: '0', status: 'pending' }, { status: 201 })
    })
    await show()
    await userEvent.click(await payButton())
    expect(await screen.findByText(/has not decided yet/, {}, { timeout: 4000 })).toBeVisible()
    expect(new Set(world.keys).size).toBe(1)
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
    expect(world.keys).toHaveLength(1)
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
