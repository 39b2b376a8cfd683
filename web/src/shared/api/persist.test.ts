import { get } from '@/shared/lib/storage'
import { describe, expect, it, vi } from 'vitest'
import { forgetShopper, keepForOffline } from './persist'
import { makeQueryClient } from './queryClient'

const mine = { queryKey: ['orders'], meta: { offline: true, private: true } }
const everybodys = { queryKey: ['sales'], meta: { offline: true } }

async function visit(): Promise<ReturnType<typeof makeQueryClient>> {
  const client = makeQueryClient()
  client.setDefaultOptions({ queries: { ...client.getDefaultOptions().queries, retry: false, staleTime: 0 } })
  await keepForOffline(client, '1')
  return client
}

describe('what was last known is there at the next start', () => {
  it('also after asking again has failed', async () => {
    const first = await visit()
    await first.query({ ...mine, queryFn: () => 'ticket' })
    await first.query({ ...mine, queryFn: () => Promise.reject(new Error('no network')) }).catch(() => 0)
    await vi.waitFor(async () => expect(await get('queries')).toContain('ticket'), 4000)
    await new Promise((done) => setTimeout(done, 1200)) // the failure is written too, if at all
    const second = await visit()
    expect(second.getQueryState(mine.queryKey)).toMatchObject({
      data: 'ticket',
      status: 'success',
      error: null,
    })
  })

  it('and is asked for again, however young it is', async () => {
    const first = await visit()
    await first.query({ ...mine, queryFn: () => 'pending' })
    expect(first.getQueryCache().find(mine)?.isStaleByTime(60_000)).toBe(false)
    await vi.waitFor(async () => expect(await get('queries')).toContain('pending'), 4000)
    const second = await visit()
    expect(second.getQueryData(mine.queryKey)).toBe('pending')
    expect(second.getQueryCache().find(mine)?.isStaleByTime(60_000)).toBe(true)
  })

  it('but not what is private, once the shopper has left', async () => {
    const client = await visit()
    await client.query({ ...mine, queryFn: () => 'ticket' })
    await client.query({ ...everybodys, queryFn: () => 'sale' })
    await forgetShopper(client)
    await vi.waitFor(async () => expect(await get('queries')).toContain('sale'), 4000)
    expect(await get('queries')).not.toContain('ticket')
    expect((await visit()).getQueryData(mine.queryKey)).toBeUndefined()
  })
})
