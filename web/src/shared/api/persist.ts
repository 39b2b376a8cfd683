import { del, get, set } from '@/shared/lib/storage'
import type { QueryClient } from '@tanstack/react-query'
import { createAsyncStoragePersister } from '@tanstack/query-async-storage-persister'
import { persistQueryClient } from '@tanstack/react-query-persist-client'

const DAY_MS = 86_400_000
const KEPT_DAYS = 7

const persister = createAsyncStoragePersister({
  storage: { getItem: get, setItem: set, removeItem: del },
  key: 'queries',
  throttleTime: 1000,
})

/** Keeps the answers marked `offline` in IndexedDB. The promise ends when those of the last visit are back. */
export function keepForOffline(client: QueryClient, version: string): Promise<void> {
  const [, restored] = persistQueryClient({
    queryClient: client,
    persister,
    buster: version,
    maxAge: KEPT_DAYS * DAY_MS,
    dehydrateOptions: {
      shouldDehydrateQuery: (query) => query.meta?.offline === true && query.state.status === 'success',
      shouldDehydrateMutation: () => false,
    },
  })
  return restored
}

/** At log-out: nothing of the shopper stays, in memory or on disk. */
export async function forgetShopper(client: QueryClient): Promise<void> {
  client.removeQueries({ predicate: (query) => query.meta?.private === true })
  await persister.removeClient()
}
