import { sessionHint } from '@/shared/api/sessionHint'
import { renderPage } from '@/test/renderPage'
import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { finishLogOut, keepFinishingLogOut } from './api/logOut'
import { LogOutButton } from './LogOutButton'

const problem = (status: number, code: string, more = {}) =>
  HttpResponse.json(
    { code, status, request_id: 'r', detail: code, retryable: status === 503, ...more },
    { status },
  )
const server = setupServer()
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const everythingStored = (): string =>
  JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])

describe('leaving', () => {
  const privates = { queryKey: ['orders', 'list'], queryFn: () => 'mine', meta: { private: true } }

  it('forgets the shopper and ends the session', async () => {
    server.use(http.delete('*/api/v1/sessions/current', () => new HttpResponse(null, { status: 204 })))
    const client = await renderPage(<LogOutButton />)
    sessionHint.set()
    await client.query(privates)
    await userEvent.click(screen.getByRole('button', { name: 'Log out' }))
    await waitFor(() => expect(client.getQueryData(privates.queryKey)).toBeUndefined())
    expect(sessionHint.isSet()).toBe(false)
    expect(everythingStored()).not.toContain('log_out_due')
  })

  it('works without a network, and the server hears of it later, once', async () => {
    const ended = vi.fn()
    server.use(http.delete('*/api/v1/sessions/current', () => HttpResponse.error()))
    await renderPage(<LogOutButton />)
    sessionHint.set()
    await userEvent.click(screen.getByRole('button', { name: 'Log out' }))
    await waitFor(() => expect(sessionHint.isSet()).toBe(false))
    server.use(
      http.delete('*/api/v1/sessions/current', () => {
        ended()
        return new HttpResponse(null, { status: 204 })
      }),
    )
    await finishLogOut()
    await finishLogOut()
    expect(ended).toHaveBeenCalledOnce()
  })

  it('tells a busy shop of the log-out again by itself, not sooner than it wants', async () => {
    const asked: number[] = []
    server.use(
      http.delete('*/api/v1/sessions/current', () => {
        asked.push(performance.now())
        return asked.length < 3
          ? problem(503, 'busy', { retry_after_ms: 5000 })
          : new HttpResponse(null, { status: 204 })
      }),
    )
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], shouldAdvanceTime: true })
    localStorage.setItem('minishop.log_out_due', '1')
    let isLoggingIn = false
    const stop = keepFinishingLogOut(() => isLoggingIn)
    await vi.advanceTimersByTimeAsync(1000)
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    isLoggingIn = true
    await vi.advanceTimersByTimeAsync(8000)
    expect(asked).toHaveLength(1)
    isLoggingIn = false
    await vi.advanceTimersByTimeAsync(40_000)
    await vi.waitFor(() => expect(localStorage.getItem('minishop.log_out_due')).toBeNull())
    expect(asked).toHaveLength(3)
    expect((asked[2] ?? 0) - (asked[1] ?? 0)).toBeGreaterThanOrEqual(5000)
    stop()
    vi.useRealTimers()
  })

  it('never ends the session of who logged in since', async () => {
    localStorage.setItem('minishop.log_out_due', '1')
    sessionHint.set()
    await finishLogOut() // a request would fail the test
    expect(localStorage.getItem('minishop.log_out_due')).toBe('1')
  })
})
