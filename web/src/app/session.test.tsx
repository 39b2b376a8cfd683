/** A tab that slept through one shopper's log-out and another's log-in shows nothing of the first. */
import { useLeaving } from '@/features/account/useLeaving'
import { renderPage } from '@/test/renderPage'
import { hashKey, useQuery } from '@tanstack/react-query'
import { act, screen, waitFor } from '@testing-library/react'
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { makeQueryClient } from '@/shared/api/queryClient'
import { sessionQuery, useSession } from '@/shared/api/session'
import { sessionHint } from '@/shared/api/sessionHint'

let cookie = 'anna'
const userOf = (name: string) => ({
  user: { user_id: name === 'anna' ? '5' : '6', username: name, role: 'shopper' as const },
  expires_at_ms: 1,
})
const server = setupServer(http.get('*/api/v1/sessions/current', () => HttpResponse.json(userOf(cookie))))
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => {
  server.resetHandlers()
  cookie = 'anna'
})
afterAll(() => server.close())

const orders = { queryKey: ['orders', 'list'], meta: { offline: true, private: true } }

function Tab() {
  useLeaving()
  const { user, isPending } = useSession()
  const mine = useQuery({ ...orders, queryFn: () => `ticket of ${cookie}`, staleTime: Infinity })
  return (
    <p>
      {isPending ? 'pending' : (user?.username ?? 'nobody')}, {mine.data}
    </p>
  )
}

it('when the hint names another on waking up', async () => {
  sessionHint.set('5')
  const client = await renderPage(<Tab />)
  await client.query({
    queryKey: ['orders', 'one', '2'],
    queryFn: () => 'her ticket',
    meta: { private: true },
  })
  expect(await screen.findByText('anna, ticket of anna')).toBeVisible()
  cookie = 'ben'
  localStorage.setItem('minishop.signed_in', 'user:6') // by another tab, while this one was frozen
  act(() => void window.dispatchEvent(new Event('pageshow')))
  expect(screen.queryByText(/anna/)).toBeNull()
  expect(await screen.findByText('ben, ticket of ben')).toBeVisible()
  expect(client.getQueryData(['orders', 'one', '2'])).toBeUndefined()
})

it('when only the shop’s answer tells', async () => {
  sessionHint.set('5')
  const client = await renderPage(<Tab />)
  expect(await screen.findByText('anna, ticket of anna')).toBeVisible()
  cookie = 'ben'
  void client.invalidateQueries({ queryKey: sessionQuery.queryKey })
  expect(await screen.findByText('ben, ticket of ben')).toBeVisible()
  expect(sessionHint.userId()).toBe('6')
})

it('when the copies of the last visit are another’s', async () => {
  const client = makeQueryClient()
  const forgotten = vi.fn()
  client.setQueryData(sessionQuery.queryKey, userOf('anna'))
  await client.query({ ...orders, queryFn: () => 'ticket of anna' })
  client.getQueryCache().subscribe((event) => {
    if (event.type === 'removed' && event.query.queryHash === hashKey(orders.queryKey)) forgotten()
  })
  cookie = 'ben'
  sessionHint.set('6')
  await client.query(sessionQuery) // stale at once, though a moment old
  expect(client.getQueryData(sessionQuery.queryKey)?.user.username).toBe('ben')
  expect(forgotten).toHaveBeenCalledOnce()
})

it('learns who it is where only that somebody is known', async () => {
  sessionHint.set()
  await renderPage(<Tab />)
  await waitFor(() => expect(sessionHint.userId()).toBe('5'))
  expect(await screen.findByText('anna, ticket of anna')).toBeVisible()
})
