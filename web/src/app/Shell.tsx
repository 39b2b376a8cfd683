import { useLeaving } from '@/features/account/useLeaving'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Footer } from './Footer'
import { Header } from './Header'
import { OfflineBar } from './OfflineBar'
import { UpdateBar } from './UpdateBar'

/** What is around every page. */
export function Shell({ children }: { children: ReactNode }) {
  const { t } = useTranslation()
  useLeaving()
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-lg focus:bg-card focus:px-4 focus:py-3"
      >
        {t('skip')}
      </a>
      <Header />
      <OfflineBar />
      <main id="main" tabIndex={-1} className="flex-1">
        {children}
      </main>
      <Footer />
      <UpdateBar />
    </div>
  )
}
