import { makeQueryClient } from '@/shared/api/queryClient'
import { saleQuery } from '@/features/sales/api/getSale'
import { sale, server } from '@/test/shop'
import { http, HttpResponse } from 'msw'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { askAhead } from './askAhead'

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

it('has the answer of a sale before its page is drawn', async () => {
  server.use(http.get('*/api/v1/sales/7', () => HttpResponse.json(sale({ title: 'Lamp' }))))
  const client = makeQueryClient()
  askAhead(client, '/sales/7')
  await vi.waitFor(() => expect(client.getQueryData(saleQuery('7').queryKey)?.data.title).toBe('Lamp'))
})

it.each(['/', '/orders', '/sales/7/stock', '/sales/x'])('asks nothing for %s', (path) => {
  const client = makeQueryClient()
  askAhead(client, path)
  expect(client.getQueryCache().getAll()).toEqual([])
})
