import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { Route, Routes } from 'react-router'
import { describe, expect, it, vi } from 'vitest'
import { BoardPage } from '../board/BoardPage'
import { answers, open, refusal, playSystem } from './render'
import { auditOf, saleOf } from './samples'

// jsdom has no canvas: what is drawn is looked at in a browser, what is said is tested here.
vi.mock('../board/plot', () => ({
  loadPlot: () => Promise.resolve(() => ({ show: () => undefined, destroy: () => undefined })),
}))

playSystem()

function openBoard(audit = auditOf(), stats?: object) {
  answers('get', '/admin/sales/7', () => ({ ...saleOf({ state: 'live' }) }))
  answers('get', '/admin/sales/7/audit', () => ({ ...audit }))
  answers('get', '/admin/sales/7/stats', () => (stats ? { ...stats } : refusal(404, 'not_found')))
  open(
    <Routes>
      <Route path="/operate/sales/:saleId" element={<BoardPage />} />
    </Routes>,
    '/operate/sales/7',
  )
}

describe('the live board', () => {
  it('shows numbers, refusals by reason with their counts, and the same as a table', async () => {
    openBoard(auditOf(), {
      attempts: 8309,
      accepted: 122,
      refused: { sold_out: 5731, brand_new: 3 },
      stock_left: 78,
      orders: { pending_payment: 0, paid: 8, cancelled: 0, expired: 0, rejected: 0, refunded: 0 },
      p50_ms: 2,
      p99_ms: 0,
      queue_depth: 16,
    })
    expect(await screen.findByText('8,309 in all')).toBeVisible()
    expect(screen.getByText('5,734 in all')).toBeVisible()
    expect(screen.getByText('2 ms')).toBeVisible()
    expect(screen.getByText('brand_new')).toBeVisible()
    expect(screen.getByText('5,731')).toBeVisible()
    expect(screen.getByRole('img', { name: /Per second/ })).toBeInTheDocument()
    await userEvent.click(screen.getByText('The same in numbers', { selector: 'summary' }))
    const table = await screen.findByRole('table', { name: 'The same in numbers' })
    expect(within(table).getByRole('cell', { name: '78' })).toBeInTheDocument()
  })

  it('says honestly that a system does not offer the figures; the rest works', async () => {
    openBoard()
    expect(await screen.findByText('Live figures are not available')).toBeVisible()
    expect(screen.getByRole('button', { name: 'Pause: Copper kettle' })).toBeEnabled()
  })
})

describe('the audit', () => {
  it('is a sentence that is right', async () => {
    openBoard()
    expect(await screen.findByText('Balanced. Every unit is in exactly one place.')).toBeVisible()
    expect(screen.getByText('equals')).toBeInTheDocument()
  })

  it('says in words what is wrong', async () => {
    openBoard(auditOf({ paid: 11, oversold: 3, balanced: false, lost_with_disk: 4 }))
    expect(await screen.findByText('Not balanced. The two sides differ by 3.')).toBeVisible()
    expect(screen.getByText('Oversold, sold without existing: 3.')).toBeVisible()
    expect(screen.getByText('does not equal')).toBeInTheDocument()
    expect(screen.getByText(/Lost with a disk that had confirmed them: 4/)).toBeVisible()
  })
})
