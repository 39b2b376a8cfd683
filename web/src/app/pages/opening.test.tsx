/** The opening: the button is armed in the millisecond of the server's clock, not before, without an answer from anybody, and keeps its place. */
import { BuyPanel } from '@/features/purchase/BuyPanel'
import { stopAttempts } from '@/features/purchase/registry'
import { useSaleState } from '@/features/sales/useSaleState'
import { SaleTiming } from '@/features/sales/SaleTiming'
import { nowMs, useServerClock } from '@/shared/lib/serverClockStore'
import type { Sale } from '@/shared/api/types'
import { sale } from '@/test/shop'
import { act, render, screen } from '@testing-library/react'
import { MemoryRouter } from 'react-router'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const SERVER_AHEAD_MS = -3_600_000 // the device's clock is an hour fast

function know(): void {
  useServerClock.setState({
    estimate: {
      offsetMs: Date.now() + SERVER_AHEAD_MS - performance.now(),
      errorMs: 6,
      atMs: performance.now(),
      samples: 5,
    },
  })
}

function Ticket({ one }: { one: Sale }) {
  const state = useSaleState(one)
  const user = { user_id: '3', username: 'a', role: 'shopper' } as const
  return (
    <MemoryRouter>
      <SaleTiming sale={one} state={state} />
      <BuyPanel sale={one} state={state} user={user} isUserPending={false} />
    </MemoryRouter>
  )
}

beforeEach(() => {
  stopAttempts()
  vi.useFakeTimers({
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'performance',
      'Date',
      'requestAnimationFrame',
      'cancelAnimationFrame',
    ],
  })
  know()
})
afterEach(() => vi.useRealTimers())

async function pass(ms: number): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(ms)
    await new Promise((resolve) => setImmediate(resolve)) // the disk
  })
}

describe('seconds before the opening', () => {
  it('the button sleeps to the last millisecond, then is armed, the same button, with the focus on it', async () => {
    const starts = nowMs() + 65_000
    render(<Ticket one={sale({ state: 'scheduled', starts_at_ms: starts, ends_at_ms: starts + 60_000 })} />)
    await pass(100)
    const button = screen.getByTestId('buy')
    button.focus()
    await pass(starts - nowMs() - 1)
    expect(button).toHaveAttribute('aria-disabled', 'true')
    expect(button).toHaveTextContent('Not open yet')
    await pass(1)
    expect(button).not.toHaveAttribute('aria-disabled')
    expect(button).toHaveTextContent('Buy now · €10.00')
    expect(screen.getByTestId('buy')).toBe(button)
    expect(button).toHaveFocus()
    expect(screen.getByText(/It is open/)).toHaveAttribute('role', 'status')
  })

  it('the countdown shows milliseconds and speaks its marks', async () => {
    const starts = nowMs() + 61_000
    render(<Ticket one={sale({ state: 'scheduled', starts_at_ms: starts, ends_at_ms: starts + 60_000 })} />)
    await pass(2000)
    expect(screen.getByText('00:00:59')).toBeVisible()
    expect(screen.getByText(/^\.\d{3}$/)).toBeVisible()
    expect(screen.getByText('1 minute left')).toHaveAttribute('aria-live', 'polite')
    await pass(50_000)
    expect(screen.getByText('10 seconds left')).toBeInTheDocument()
  })

  it('the end closes it in its millisecond, too', async () => {
    const ends = nowMs() + 5000
    render(<Ticket one={sale({ state: 'live', starts_at_ms: nowMs() - 1000, ends_at_ms: ends })} />)
    await pass(ends - nowMs() - 1)
    expect(screen.getByTestId('buy')).not.toHaveAttribute('aria-disabled')
    await pass(1)
    expect(screen.getByTestId('buy')).toHaveAttribute('aria-disabled', 'true')
    expect(screen.getByText('This sale is over')).toBeVisible()
  })

  it('before the first measurement nothing is armed and no number is shown', async () => {
    useServerClock.setState({ estimate: null })
    render(<Ticket one={sale({ state: 'scheduled', starts_at_ms: Date.now() - 1000 })} />)
    await pass(3000)
    expect(screen.getByTestId('buy')).toHaveAttribute('aria-disabled', 'true')
    expect(screen.getByText('––:––:––')).toBeVisible()
  })
})
