import { useServerClock } from '@/shared/lib/serverClockStore'
import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { describe, expect, it } from 'vitest'
import { fresh, payButton, playShop, problem, server, show, world } from './testOrders'

playShop()

describe('the ticket says what it is, and where it stands', () => {
  it('names the sale, the place, the money and what happened', async () => {
    world.order = fresh('paid', ['captured'], {
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
    world.order = fresh('reserved')
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
  world.order = fresh('pending_payment', [], { pay_before_ms: Date.now() - 3_600_000 })
  await show()
  expect(await payButton()).toBeEnabled()
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
        world.order = fresh('cancelled')
        return HttpResponse.json(world.order)
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
        world.order = fresh('paid', ['captured'])
        return problem(409, 'invalid_state')
      }),
    )
    await show()
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel this order' }))
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel the order' }))
    expect(await screen.findByText(/It is now: Paid/)).toBeVisible()
  })
})
