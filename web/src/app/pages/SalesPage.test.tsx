/** The list: groups, honest numbers, search and filter in the address, paging, and what is said when there is nothing or no answer. */
import type { Sale } from '@/shared/api/types'
import { people, problem, sale, server, show } from '@/test/shop'
import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { useLocation } from 'react-router'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { SalesPage } from './SalesPage'

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

function Address() {
  return <output data-testid="address">{useLocation().search}</output>
}

const asked: URLSearchParams[] = []

function open(answer: (params: URLSearchParams) => Sale[], nextCursor: string | null = null, path = '/') {
  asked.length = 0
  server.use(
    ...people(null),
    http.get('*/api/v1/sales', ({ request }) => {
      const params = new URL(request.url).searchParams
      asked.push(params)
      return HttpResponse.json({
        sales: answer(params),
        next_cursor: params.has('cursor') ? null : nextCursor,
        now_ms: Date.now(),
      })
    }),
  )
  show(
    path,
    '/',
    <>
      <SalesPage />
      <Address />
    </>,
  )
}

const HOUR = 3_600_000
const all: Sale[] = [
  sale({ sale_id: '1', title: 'Open one' }),
  sale({
    sale_id: '2',
    title: 'Soon one',
    state: 'scheduled',
    starts_at_ms: Date.now() + HOUR,
    ends_at_ms: Date.now() + 2 * HOUR,
  }),
  sale({ sale_id: '3', title: 'Gone one', state: 'sold_out', stock_left: 0 }),
  sale({ sale_id: '4', title: 'Over one', state: 'ended', ends_at_ms: Date.now() - HOUR }),
]

describe('the list', () => {
  it('shows each sale in its group, with price, saving and what is left', async () => {
    open(() => all)
    for (const [group, title] of [
      ['Open now', 'Open one'],
      ['Opening soon', 'Soon one'],
      ['Sold out', 'Gone one'],
      ['Over', 'Over one'],
    ] as const) {
      const section = await screen.findByRole('region', { name: new RegExp(group) })
      expect(within(section).getByRole('link', { name: title })).toBeVisible()
    }
    const open1 = screen.getByRole('region', { name: /Open now/ })
    expect(within(open1).getByText('€10.00')).toBeVisible()
    expect(within(open1).getByText('50% less')).toBeVisible()
    expect(within(open1).getByRole('img', { name: 'Stock: 37 of 200 left' })).toBeVisible()
    expect(within(screen.getByRole('region', { name: /Sold out/ })).getByText(/None left/)).toBeVisible()
    expect(screen.getByText(/Opens in/)).toBeVisible()
  })

  it('keeps search and filter in the address, asks the shop for them, and forgets them together', async () => {
    open((params) => (params.get('q') ? [] : all))
    await screen.findByRole('link', { name: 'Open one' })
    await userEvent.selectOptions(screen.getByLabelText('Show'), 'live')
    await waitFor(() => expect(screen.getByTestId('address')).toHaveTextContent('?state=live'))
    await userEvent.type(screen.getByLabelText('Search'), 'lamp ')
    expect(await screen.findByText('No sale matches')).toBeVisible()
    expect(screen.getByTestId('address')).toHaveTextContent('?q=lamp&state=live')
    expect(asked.at(-1)?.toString()).toBe('q=lamp&state=live')
    await userEvent.click(screen.getByRole('button', { name: 'Show all sales' }))
    expect(await screen.findByRole('link', { name: 'Open one' })).toBeVisible()
    expect(screen.getByTestId('address')).toBeEmptyDOMElement()
    expect(screen.getByLabelText('Search')).toHaveValue('')
  })

  it('keeps a state that is picked while the typing has not come to rest', async () => {
    open(() => all)
    await screen.findByText('Open one')
    await userEvent.type(screen.getByRole('searchbox'), 'coat')
    await userEvent.selectOptions(screen.getByRole('combobox'), 'live')
    await new Promise((rested) => setTimeout(rested, 400)) // longer than the typing's patience
    expect(screen.getByTestId('address')).toHaveTextContent('?q=coat&state=live')
  })

  it('does not call back who taps a sale before the typing has come to rest', async () => {
    open(() => all)
    await screen.findByText('Open one')
    await userEvent.type(screen.getByRole('searchbox'), 'coat')
    history.pushState({}, '', '/sales/1') // the next page is still being drawn
    await new Promise((rested) => setTimeout(rested, 400))
    expect(screen.getByTestId('address')).toBeEmptyDOMElement()
    history.back()
  })

  it('comes back from an address with its search', async () => {
    open(() => all, null, '/?q=lamp&state=nonsense')
    await screen.findByRole('link', { name: 'Open one' })
    expect(screen.getByLabelText('Search')).toHaveValue('lamp')
    expect(asked[0]?.toString()).toBe('q=lamp')
  })

  it('shows more by the cursor, once, and offers no more at the end', async () => {
    open((params) => (params.has('cursor') ? [sale({ sale_id: '9', title: 'Older one' })] : all), 'c1')
    await userEvent.click(await screen.findByRole('button', { name: 'Show more' }))
    expect(await screen.findByRole('link', { name: 'Older one' })).toBeVisible()
    expect(asked.at(-1)?.get('cursor')).toBe('c1')
    expect(screen.getByRole('link', { name: 'Open one' })).toBeVisible()
    expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull()
  })

  it('without sales says so', async () => {
    open(() => [])
    expect(await screen.findByText('Nothing is on sale right now')).toBeVisible()
  })

  it('that is refused says why', async () => {
    server.use(
      ...people(null),
      http.get('*/api/v1/sales', () => problem(400, 'invalid_field', { detail: 'q' })),
    )
    show('/', '/', <SalesPage />)
    expect(await screen.findByRole('alert')).toHaveTextContent('Please check what you entered: q')
  })
})
