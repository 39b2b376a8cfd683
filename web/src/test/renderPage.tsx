import { makeQueryClient } from '@/shared/api/queryClient'
import { loadLaterTexts, startI18n } from '@/shared/i18n'
import { QueryClientProvider, type QueryClient } from '@tanstack/react-query'
import { render } from '@testing-library/react'
import i18next from 'i18next'
import type { ReactNode } from 'react'
import { MemoryRouter } from 'react-router'

/** A page as the app has it: its texts, its queries (which give up at once), and an address. */
export async function renderPage(page: ReactNode, path = '/'): Promise<QueryClient> {
  if (!i18next.isInitialized) {
    await startI18n('en')
    await loadLaterTexts()
  }
  const client = makeQueryClient()
  client.setDefaultOptions({ queries: { ...client.getDefaultOptions().queries, retry: false } })
  render(
    <QueryClientProvider client={client}>
      <MemoryRouter initialEntries={[path]}>{page}</MemoryRouter>
    </QueryClientProvider>,
  )
  return client
}
