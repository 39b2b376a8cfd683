import type { QueryClient } from '@tanstack/react-query'
import { sessionHint } from './sessionHint'

/**
 * Nothing of the earlier shopper stays in memory. What is on the page is asked for anew if somebody else is signed in now: a removed query
 * would go on showing there.
 * @param keep hash of a query that stays
 */
export function forgetPrivate(client: QueryClient, keep?: string): void {
  const filter = {
    predicate: (query: { meta: { private?: boolean } | undefined; queryHash: string }) =>
      query.meta?.private === true && query.queryHash !== keep,
  }
  if (sessionHint.isSet()) void client.resetQueries({ ...filter, type: 'active' })
  client.removeQueries(sessionHint.isSet() ? { ...filter, type: 'inactive' } : filter)
}
