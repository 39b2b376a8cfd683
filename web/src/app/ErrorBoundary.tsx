import { Button } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import i18next from 'i18next'
import { Component, type ReactNode } from 'react'

/** A fault of ours: says so, and keeps the way out. What was bought is on the server. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false }

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true }
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children
    return (
      <div className="mx-auto max-w-3xl px-4 py-16">
        <Notice tone="bad" title={i18next.t('crash.title')} isLive>
          <p>{i18next.t('crash.text')}</p>
          <Button className="mt-4" onClick={() => location.reload()}>
            {i18next.t('action.reload')}
          </Button>
        </Notice>
      </div>
    )
  }
}
