import { Button } from '@/shared/ui/Button'
import { Notice } from '@/shared/ui/Notice'
import i18next from 'i18next'
import { Component, type ReactNode } from 'react'
import { reloadNewest } from './serviceWorker'

interface State {
  hasFailed: boolean
  isLeaving: boolean
}

/**
 * A fault of ours: says so, and keeps the way out. What was bought is on the server. It may be that the pages are of an older version whose
 * parts are gone: the way out leads to the newest one.
 */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { hasFailed: false, isLeaving: false }

  static getDerivedStateFromError(): Partial<State> {
    return { hasFailed: true }
  }

  private leave(): void {
    this.setState({ isLeaving: true })
    void reloadNewest()
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children
    return (
      <div className="mx-auto max-w-3xl px-4 py-16">
        <Notice tone="bad" title={i18next.t('crash.title')} isLive>
          <p>{i18next.t('crash.text')}</p>
          <Button className="mt-4" isBusy={this.state.isLeaving} onClick={() => this.leave()}>
            {i18next.t('action.reload')}
          </Button>
        </Notice>
      </div>
    )
  }
}
