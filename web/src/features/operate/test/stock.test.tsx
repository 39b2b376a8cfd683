import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { HttpResponse } from 'msw'
import { afterEach, describe, expect, it } from 'vitest'
import { SaleActions } from '../sale/SaleActions'
import { answers, open, playSystem, refusal, seen, slowly, triesToClose } from './render'
import { saleOf } from './samples'

playSystem()
afterEach(() => sessionStorage.clear())

const done = () => ({ ...saleOf({ stock_left: 166, stock_total: 195 }) })
const keyOf = (nth: number) => seen[nth]?.key

async function openDialog() {
  await userEvent.click(screen.getByRole('button', { name: 'Change stock' }))
  const dialog = await screen.findByRole('dialog')
  return { dialog, submit: within(dialog).getByRole('button', { name: 'Change stock' }) }
}

async function sendsFive() {
  const { dialog, submit } = await openDialog()
  await userEvent.click(within(dialog).getByRole('radio', { name: 'Take units away' }))
  await userEvent.type(within(dialog).getByLabelText('How many units'), '5')
  await userEvent.type(within(dialog).getByLabelText('Reason'), 'broken')
  await userEvent.click(submit)
  return { dialog, submit }
}

/** A change of stock is done once, however often it is sent, until the server has said what became of it; then the same is a new change. */
describe('stock', () => {
  it('says what is missing, and what will be', async () => {
    answers('post', '/admin/sales/7/stock', done)
    open(<SaleActions sale={saleOf()} />)
    const { dialog, submit } = await openDialog()
    await userEvent.click(submit)
    expect(within(dialog).getAllByRole('alert')).toHaveLength(2)
    await userEvent.type(within(dialog).getByLabelText('How many units'), '5')
    await userEvent.type(within(dialog).getByLabelText('Reason'), 'found')
    expect(within(dialog).getByText('The total goes from 200 to 205.')).toBeVisible()
    await userEvent.click(submit)
    expect(await screen.findByText(/166 of 195 units are left/)).toBeVisible()
    expect(seen.map(({ body }) => body)).toEqual([{ delta: 5, reason: 'found' }])
    expect(keyOf(0)).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
  })

  it.each([
    ['nothing came', () => HttpResponse.error()],
    ['the session had ended', () => refusal(401, 'unauthenticated')],
    ['it was too fast', () => refusal(429, 'rate_limited', 'x', { retryable: true })],
    ['the system was busy', () => refusal(503, 'busy', 'x', { retryable: true })],
  ])('keeps its key over a closed dialog and a new page when %s', async (_, answer) => {
    answers('post', '/admin/sales/7/stock', (_body, nth) => (nth === 0 ? answer() : done()))
    const first = open(<SaleActions sale={saleOf()} />)
    await within((await sendsFive()).dialog).findByRole('alert')
    await userEvent.keyboard('{Escape}')
    first.unmount()
    open(<SaleActions sale={saleOf()} />)
    const { dialog, submit } = await openDialog()
    expect(within(dialog).getByText(/no answer yet/)).toBeVisible()
    await userEvent.click(submit)
    expect(await screen.findByText(/166 of 195 units are left/)).toBeVisible()
    expect(seen.map(({ body }) => body)).toEqual(Array(2).fill({ delta: -5, reason: 'broken' }))
    expect(keyOf(1)).toBe(keyOf(0))
    const next = await openDialog()
    expect(within(next.dialog).queryByText(/no answer yet/)).toBeNull()
    expect(within(next.dialog).getByLabelText('Reason')).toHaveValue('')
  })

  it('explains a refusal; the same again is a new change, because a refused key stays refused', async () => {
    answers('post', '/admin/sales/7/stock', (_, nth) => (nth === 0 ? refusal(409, 'invalid_state') : done()))
    open(<SaleActions sale={saleOf()} />)
    const { dialog, submit } = await sendsFive()
    expect(await within(dialog).findByText(/fewer units are left/)).toBeVisible()
    await userEvent.click(submit)
    expect(await screen.findByText(/166 of 195 units are left/)).toBeVisible()
    expect(keyOf(1)).not.toBe(keyOf(0))
  })

  it('another change does not make a change without an answer be forgotten', async () => {
    answers('post', '/admin/sales/7/stock', (_, nth) =>
      nth === 0 ? HttpResponse.error() : nth === 1 ? refusal(409, 'invalid_state') : done(),
    )
    open(<SaleActions sale={saleOf()} />)
    const { dialog, submit } = await sendsFive()
    await within(dialog).findByRole('alert')
    await userEvent.type(within(dialog).getByLabelText('How many units'), '0')
    await userEvent.click(submit)
    expect(await within(dialog).findByText(/fewer units are left/)).toBeVisible()
    await userEvent.keyboard('{Escape}')
    await userEvent.click((await openDialog()).submit)
    await waitFor(() => expect(seen).toHaveLength(3))
    expect(keyOf(1)).not.toBe(keyOf(0))
    expect(keyOf(2)).toBe(keyOf(0))
  })

  it('its dialog cannot be closed before the answer is there', async () => {
    const gate = slowly('post', '/admin/sales/7/stock', () => refusal(503, 'busy'))
    open(<SaleActions sale={saleOf()} />)
    const { dialog } = await sendsFive()
    await triesToClose(dialog, 'Cancel')
    gate.open()
    expect(await within(dialog).findByRole('alert')).toBeVisible()
    await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel' }))
    expect(screen.queryByRole('dialog')).toBeNull()
  })
})
