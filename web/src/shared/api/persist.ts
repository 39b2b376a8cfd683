import { del, get, set } from '@/shared/lib/storage'
import type { QueryClient } from '@tanstack/react-query'
import { createAsyncStoragePersister } from '@tanstack/query-async-storage-persister'
import { persistQueryClient, type PersistedClient } from '@tanstack/react-query-persist-client'
import { forgetPrivate } from './forget'

const DAY_MS = 86_400_000
const KEPT_DAYS = 7

/**
 * What was last known is worth keeping also when asking again failed; the failure itself is not. At the next start it is asked for again,
 * however young it is: who loads the page anew wants to see what is so now.
 */
function write(kept: PersistedClient): string {
  const queries = kept.clientState.queries.map((query) => ({
    ...query,
    state: {
      ...query.state,
      status: 'success',
      error: null,
      fetchFailureCount: 0,
      fetchFailureReason: null,
      isInvalidated: true,
    },
  }))
  return JSON.stringify({ ...kept, clientState: { ...kept.clientState, queries } })
}

const persister = createAsyncStoragePersister({
  storage: { getItem: get, setItem: set, removeItem: del },
  key: 'queries',
  throttleTime: 200, // who closes the page at once finds the answer again
  serialize: write,
})

/** Keeps the answers marked `offline` in IndexedDB. The promise ends when those of the last visit are back. */
export function keepForOffline(client: QueryClient, version: string): Promise<void> {
  const [, restored] = persistQueryClient({
    queryClient: client,
    persister,
    buster: version,
    maxAge: KEPT_DAYS * DAY_MS,
    dehydrateOptions: {
      shouldDehydrateQuery: (query) => query.meta?.offline === true && query.state.data !== undefined,
      shouldDehydrateMutation: () => false,
    },
  })
  return restored
}

/** When the shopper leaves, or another comes: nothing of the shopper stays, in memory or on disk. */
export async function forgetShopper(client: QueryClient): Promise<void> {
  forgetPrivate(client)
  client.getMutationCache().clear()
  await persister.removeClient()
}
