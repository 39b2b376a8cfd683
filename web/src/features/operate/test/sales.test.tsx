import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { Route, Routes } from 'react-router'
import { describe, expect, it } from 'vitest'
import { BoardPage } from '../board/BoardPage'
import { EditSalePage, NewSalePage } from '../sale/SaleFormPage'
import { SalesList } from '../sale/SalesList'
import { answers, open, playSystem, refusal, seen, slowly, triesToClose } from './render'
import { auditOf, saleOf } from './samples'

playSystem()

function pages() {
  return (
    <Routes>
      <Route path="/operate" element={<SalesList />} />
      <Route path="/operate/sales/new" element={<NewSalePage />} />
      <Route path="/operate/sales/:saleId" element={<BoardPage />} />
      <Route path="/operate/sales/:saleId/edit" element={<EditSalePage />} />
    </Routes>
  )
}

function shows(sale = saleOf(), audit = auditOf()) {
  answers('get', '/admin/sales/7', () => ({ ...sale }))
  answers('get', '/admin/sales/7/audit', () => ({ ...audit }))
  answers('get', '/admin/sales/7/stats', () => refusal(404, 'not_found'))
}

describe('the list of sales', () => {
  it('shows each with its numbers and the usual next step, and older ones on request', async () => {
    answers('get', '/admin/sales', (_, nth) => ({
      sales: [nth === 0 ? saleOf({ state: 'live' }) : saleOf({ sale_id: '6', title: 'Old', state: 'ended' })],
      next_cursor: nth === 0 ? '7' : null,
      now_ms: 1,
    }))
    open(pages())
    const row = await screen.findByRole('row', { name: /Copper kettle/ })
    expect(within(row).getByText('171 / 200')).toBeVisible()
    expect(within(row).getByRole('button', { name: 'Pause: Copper kettle' })).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Show more' }))
    const old = await screen.findByRole('row', { name: /Old/ })
    expect(within(old).queryByRole('button')).toBeNull()
  })

  it('pauses at once, and says what came of it', async () => {
    answers('get', '/admin/sales', () => ({
      sales: [saleOf({ state: 'live' })],
      next_cursor: null,
      now_ms: 1,
    }))
    answers('post', '/admin/sales/7/pause', (_, nth) =>
      nth === 0 ? refusal(409, 'invalid_state') : { ...saleOf({ state: 'paused' }) },
    )
    open(pages())
    const pause = await screen.findByRole('button', { name: 'Pause: Copper kettle' })
    await userEvent.click(pause)
    expect(await screen.findByText(/another state by now/)).toBeVisible()
    await userEvent.click(pause)
    expect(await screen.findByText(/is paused on every edge/)).toBeVisible()
  })
})

describe('steps that cannot be taken back', () => {
  it('say what will happen, and send nothing before they are confirmed', async () => {
    shows(saleOf({ state: 'live' }))
    answers('post', '/admin/sales/7/end', () => ({ ...saleOf({ state: 'ended' }) }))
    open(pages(), '/operate/sales/7')
    await userEvent.click(await screen.findByRole('button', { name: 'End: Copper kettle' }))
    const dialog = await screen.findByRole('dialog', { name: /for good/ })
    expect(within(dialog).getByText(/cannot be opened again/)).toBeVisible()
    await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel' }))
    expect(seen).toEqual([])
    await userEvent.click(screen.getByRole('button', { name: 'End: Copper kettle' }))
    await userEvent.click(await screen.findByRole('button', { name: 'End for good' }))
    expect(await screen.findByText(/has ended/)).toBeVisible()
    expect(seen.map(({ path }) => path)).toEqual(['/admin/sales/7/end'])
  })

  it('tell a failure in the dialog, which stays open for another try', async () => {
    shows()
    answers('post', '/admin/sales/7/publish', () => refusal(503, 'busy', 'x', { retry_after_ms: 2000 }))
    open(pages(), '/operate/sales/7')
    await userEvent.click(await screen.findByRole('button', { name: 'Publish: Copper kettle' }))
    const dialog = await screen.findByRole('dialog')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Publish' }))
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('Try again in 2 s')
  })

  it('cannot be closed before the answer is there, so that a failure is seen', async () => {
    shows()
    const gate = slowly('post', '/admin/sales/7/publish', () => refusal(503, 'busy'))
    open(pages(), '/operate/sales/7')
    await userEvent.click(await screen.findByRole('button', { name: 'Publish: Copper kettle' }))
    const dialog = await screen.findByRole('dialog')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Publish' }))
    await triesToClose(dialog, 'Cancel')
    gate.open()
    expect(await within(dialog).findByRole('alert')).toBeVisible()
    await userEvent.keyboard('{Escape}')
    expect(screen.queryByRole('dialog')).toBeNull()
  })
})

describe('the form', () => {
  it('says what is missing at its field, then sends the sale', async () => {
    answers('post', '/admin/sales', () => ({ ...saleOf() }))
    shows()
    open(pages(), '/operate/sales/new')
    await userEvent.click(await screen.findByRole('button', { name: 'Create draft' }))
    expect(await screen.findAllByText('Please fill this in.')).toHaveLength(3)
    expect(screen.getByLabelText('Title')).toHaveFocus()
    expect(seen).toEqual([])
    await userEvent.type(screen.getByLabelText('Title'), 'Copper kettle')
    await userEvent.type(screen.getByLabelText('Price'), '49,90')
    await userEvent.type(screen.getByLabelText('Units in all'), '200')
    await userEvent.click(screen.getByRole('button', { name: 'Create draft' }))
    expect(await screen.findByText(/Draft “Copper kettle” is created/)).toBeVisible()
    expect(seen[0]?.body).toMatchObject({ title: 'Copper kettle', price_cents: 4990, stock_total: 200 })
    expect(seen[0]?.body).not.toHaveProperty('list_price_cents')
  })

  it("shows the server's refusal at the field that it is about, and sends only what changed", async () => {
    shows()
    answers('patch', '/admin/sales/7', (_, nth) =>
      nth === 0
        ? refusal(400, 'invalid_field', '"title" is not wanted here')
        : { ...saleOf({ title: 'Tea' }) },
    )
    open(pages(), '/operate/sales/7/edit')
    const title = await screen.findByLabelText('Title')
    await userEvent.clear(title)
    await userEvent.type(title, 'Tea')
    await userEvent.click(screen.getByRole('button', { name: 'Save changes' }))
    await waitFor(() => expect(title).toHaveAccessibleDescription(/is not wanted here/))
    await userEvent.click(screen.getByRole('button', { name: 'Save changes' }))
    expect(await screen.findByText(/“Tea” is saved/)).toBeVisible()
    expect(seen.map(({ body }) => body)).toEqual([{ title: 'Tea' }, { title: 'Tea' }])
  })

  it('of a live sale lets only five things be changed, and says why', async () => {
    shows(saleOf({ state: 'live' }))
    open(pages(), '/operate/sales/7/edit')
    await screen.findByLabelText('Title')
    const fields = [...screen.getAllByRole('textbox'), screen.getByLabelText('Ends')]
    const free = fields.filter((field) => !(field as HTMLInputElement).disabled)
    expect(free).toHaveLength(5)
    expect(screen.getByLabelText('Units in all')).toHaveAccessibleDescription(/Fixed since/)
  })
})
