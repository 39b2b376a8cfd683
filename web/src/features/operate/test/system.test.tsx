import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { Route, Routes } from 'react-router'
import { describe, expect, it } from 'vitest'
import { ActorsPage } from '../actors/ActorsPage'
import { DeadLettersPage } from '../deadLetters/DeadLettersPage'
import { LimitsPage } from '../limits/LimitsPage'
import { LogPage } from '../log/LogPage'
import { FindOrderPage } from '../order/FindOrderPage'
import { OutcomeBar } from '../ui/OutcomeBar'
import { answers, open, playSystem, refusal, seen, slowly, triesToClose } from './render'
import { actorOf, limitsOf, ORDER_ID, orderOf } from './samples'

playSystem()

describe('actors', () => {
  it('more come at a tap, and are announced when they join', async () => {
    let actors = [actorOf('edge/1'), actorOf('seckill/1')]
    answers('get', '/admin/actors', () => ({ actors }))
    answers('post', '/admin/actors/seckill', (body) => {
      actors = [...actors, actorOf('seckill/2', { state: 'starting' })]
      return { kind: 'seckill', ...(body as object) }
    })
    open(<ActorsPage />)
    await userEvent.click(await screen.findByRole('button', { name: 'One more: Seckill' }))
    await userEvent.click(screen.getByRole('button', { name: 'Apply: Seckill' }))
    expect(await screen.findByText('seckill/2 has joined.')).toBeInTheDocument()
    expect(screen.getByText('just joined')).toBeVisible()
    expect(seen[0]?.body).toEqual({ count: 2 })
  })

  it('none at all is confirmed first; the last edge cannot be taken away', async () => {
    answers('get', '/admin/actors', () => ({ actors: [actorOf('edge/1'), actorOf('ordering/1')] }))
    answers('post', '/admin/actors/ordering', (body) => ({ kind: 'ordering', ...(body as object) }))
    open(<ActorsPage />)
    await userEvent.click(await screen.findByRole('button', { name: 'One fewer: Ordering' }))
    await userEvent.click(screen.getByRole('button', { name: 'Apply: Ordering' }))
    const dialog = await screen.findByRole('dialog', { name: /Run no process/ })
    expect(within(dialog).getByText(/Reservations stay safe/)).toBeVisible()
    expect(seen).toEqual([])
    await userEvent.click(within(dialog).getByRole('button', { name: 'Run none' }))
    expect(await screen.findByText(/Ordering: 0 is the goal now/)).toBeVisible()
    expect(screen.getByRole('button', { name: 'One fewer: Edge' })).toBeDisabled()
    const edges = within(screen.getByRole('region', { name: 'Edge' })).getByRole('textbox')
    await userEvent.clear(edges)
    await userEvent.type(edges, '0')
    expect(edges).toHaveAccessibleDescription(/At least one must run/)
    expect(screen.getByRole('button', { name: 'Apply: Edge' })).toBeDisabled()
  })
})

describe('limits', () => {
  it('warn what 0 means, show what would change, and send only that', async () => {
    answers('get', '/admin/limits', () => ({ limits: limitsOf() }))
    answers('patch', '/admin/limits', () => ({
      limits: { ...limitsOf(), ip: { rate_per_s: 0, burst: 400 } },
    }))
    open(<LimitsPage />)
    const [rate] = await screen.findAllByLabelText('Per second')
    expect(screen.getByRole('button', { name: 'Apply' })).toBeDisabled()
    await userEvent.clear(rate as HTMLElement)
    expect(rate).toHaveAccessibleDescription(/Please fill this in/)
    await userEvent.type(rate as HTMLElement, '0')
    expect(rate).toHaveAccessibleDescription(/0 means unlimited/)
    expect(screen.getByText('200 → unlimited')).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Apply' }))
    expect(await screen.findByText(/limits are in force/)).toBeVisible()
    expect(seen.map(({ body }) => body)).toEqual([{ limits: { ip: { rate_per_s: 0 } } }])
  })
})

describe('dead letters', () => {
  const letter = {
    id: '3',
    reason: '<img src=x onerror=alert(1)>',
    attempts: 5,
    at_ms: 1_790_000_000_000,
    message: { sale_id: '7', order_id: ORDER_ID, user_id: '9', quantity: 1 },
  }

  it('show the message as text, and explain why one cannot be requeued', async () => {
    answers('get', '/admin/dead-letters', () => ({ dead_letters: [letter], next_cursor: null }))
    answers('post', '/admin/dead-letters/3/requeue', () => refusal(409, 'sold_out'))
    const { container } = open(<DeadLettersPage />)
    expect(await screen.findByText(letter.reason)).toBeVisible()
    expect(container.querySelector('img')).toBeNull()
    expect(container.querySelector('pre')?.textContent).toBe(JSON.stringify(letter.message, null, 2))
    await userEvent.click(screen.getByRole('button', { name: 'Requeue letter 3' }))
    const dialog = await screen.findByRole('dialog')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Requeue' }))
    expect(await within(dialog).findByText(/No unit is left for it/)).toBeVisible()
  })

  it('are gone from the list when they are decided', async () => {
    let letters = [letter]
    answers('get', '/admin/dead-letters', () => ({ dead_letters: letters, next_cursor: null }))
    answers('post', '/admin/dead-letters/3/discard', () => {
      letters = []
      return { id: '3', status: 'discarded' }
    })
    open(<DeadLettersPage />)
    await userEvent.click(await screen.findByRole('button', { name: 'Discard letter 3' }))
    await userEvent.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Discard' }))
    expect(await screen.findByText(/Letter 3 is closed/)).toBeVisible()
    expect(await screen.findByText('None')).toBeVisible()
  })
})

describe('any order', () => {
  const page = (
    <Routes>
      <Route path="/operate/orders/:orderId?" element={<FindOrderPage />} />
    </Routes>
  )

  it('is found without hyphens, with its timeline, and cancelled for a reason', async () => {
    answers('get', `/admin/orders/${ORDER_ID}`, () => ({ ...orderOf() }))
    answers('post', `/admin/orders/${ORDER_ID}/cancel`, () => ({ ...orderOf({ status: 'cancelled' }) }))
    open(page, '/operate/orders')
    const field = screen.getByLabelText('Order number')
    await userEvent.type(field, 'nonsense{Enter}')
    expect(field).toHaveAccessibleDescription(/not an order number/)
    await userEvent.clear(field)
    await userEvent.type(field, `${ORDER_ID.replaceAll('-', '')}{Enter}`)
    expect(await screen.findByText('Reserved at the gate')).toBeVisible()
    expect(screen.getByText('something_new')).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Cancel order' }))
    const dialog = await screen.findByRole('dialog')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel order' }))
    expect(seen).toEqual([])
    await userEvent.type(within(dialog).getByLabelText('Reason'), 'asked by phone')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel order' }))
    expect(await screen.findByText(/The order is cancelled/)).toBeVisible()
    expect(seen[0]?.body).toEqual({ reason: 'asked by phone' })
  })

  it('is cancelled in a dialog that stays until the answer is there, so that a failure is seen', async () => {
    answers('get', `/admin/orders/${ORDER_ID}`, () => ({ ...orderOf() }))
    const gate = slowly('post', `/admin/orders/${ORDER_ID}/cancel`, () => refusal(409, 'invalid_state'))
    open(page, `/operate/orders/${ORDER_ID}`)
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel order' }))
    const dialog = await screen.findByRole('dialog')
    await userEvent.type(within(dialog).getByLabelText('Reason'), 'asked by phone')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel order' }))
    await triesToClose(dialog, 'Back')
    gate.open()
    expect(await within(dialog).findByText(/cannot be cancelled/)).toBeVisible()
    await userEvent.keyboard('{Escape}')
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel order' }))
    expect(within(await screen.findByRole('dialog')).queryByText(/cannot be cancelled/)).toBeNull()
  })

  it('that is cancelled is told even to who went elsewhere meanwhile', async () => {
    answers('get', `/admin/orders/${ORDER_ID}`, () => ({ ...orderOf() }))
    const gate = slowly('post', `/admin/orders/${ORDER_ID}/cancel`, () =>
      Response.json(orderOf({ status: 'cancelled' })),
    )
    const { rerender } = open(page, `/operate/orders/${ORDER_ID}`)
    await userEvent.click(await screen.findByRole('button', { name: 'Cancel order' }))
    const dialog = await screen.findByRole('dialog')
    await userEvent.type(within(dialog).getByLabelText('Reason'), 'asked by phone')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel order' }))
    await waitFor(() => expect(seen).toHaveLength(1))
    rerender(<OutcomeBar />)
    gate.open()
    expect(await screen.findByText(/The order is cancelled/)).toBeVisible()
  })

  it('that does not exist is told as that', async () => {
    answers('get', `/admin/orders/${ORDER_ID}`, () => refusal(404, 'not_found'))
    open(page, `/operate/orders/${ORDER_ID}`)
    expect(await screen.findByText('There is no such order')).toBeVisible()
  })
})

describe('the log', () => {
  it('says who did what, from what to what, and leads to it', async () => {
    const entry = {
      at_ms: 1,
      who: 'olga',
      action: 'sale_pause',
      target: 'sale 7',
      from: 'open',
      to: 'paused',
    }
    answers('get', '/admin/log', () => ({
      entries: [entry, { ...entry, action: 'new_thing', target: 'edge', from: '' }],
      next_cursor: null,
    }))
    open(<LogPage />)
    const row = await screen.findByRole('row', { name: /olga Paused sale 7 open.*paused/ })
    expect(within(row).getByRole('link', { name: 'sale 7' })).toHaveAttribute('href', '/operate/sales/7')
    expect(screen.getByText('new_thing')).toBeVisible()
  })
})
