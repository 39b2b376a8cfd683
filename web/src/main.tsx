import './styles.css'
import { App } from '@/app/App'
import { askAhead } from '@/app/askAhead'
import { startServiceWorker } from '@/app/serviceWorker'
import { keepForOffline } from '@/shared/api/persist'
import { makeQueryClient } from '@/shared/api/queryClient'
import { preferredLanguage, startI18n } from '@/shared/i18n'
import { onlineManager, QueryClientProvider } from '@tanstack/react-query'
import { startTransition, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'

// Answers kept by another version of the pages may have another shape.
const KEPT_VERSION = '1'
// A database may hang (another tab, a slow disk): the page does not wait for it.
const KEPT_PATIENCE_MS = 1000

async function start(): Promise<void> {
  onlineManager.setOnline(navigator.onLine) // it hears of changes only
  const client = makeQueryClient()
  askAhead(client, location.pathname)
  const kept = keepForOffline(client, KEPT_VERSION).catch(() => undefined)
  const patience = new Promise((isOver) => setTimeout(isOver, KEPT_PATIENCE_MS))
  await Promise.all([startI18n(preferredLanguage()), Promise.race([kept, patience])])
  const root = document.getElementById('root')
  if (!root) throw new Error('index.html has no #root')
  // As a transition: React makes the first page in slices, and a slow phone stays answerable.
  startTransition(() =>
    createRoot(root).render(
      <StrictMode>
        <QueryClientProvider client={client}>
          <BrowserRouter>
            <App />
          </BrowserRouter>
        </QueryClientProvider>
      </StrictMode>,
    ),
  )
}

void start()
startServiceWorker()
