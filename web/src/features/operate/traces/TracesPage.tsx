import { ButtonLink } from '@/shared/ui/Button'
import { Page, Panel } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'

/** A place that is kept: nothing is shown until there is something true to show. */
export function TracesPage() {
  const { t } = useTranslation('operate')
  return (
    <Page title={t('traces.title')} lead={t('traces.lead')}>
      <div className="grid grid-cols-1 gap-5 md:grid-cols-2">
        <Panel title={t('traces.idsTitle')}>
          <dl className="grid gap-4">
            <div>
              <dt>
                <code className="font-semibold">{'X-Request-Id'}</code>
              </dt>
              <dd>{t('traces.requestId')}</dd>
            </div>
            <div>
              <dt>
                <code className="font-semibold">{'traceparent'}</code>
              </dt>
              <dd>{t('traces.traceparent')}</dd>
            </div>
          </dl>
          <pre className="mt-4 rounded-lg bg-sunken p-4 text-sm break-all whitespace-pre-wrap">
            <code>{'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'}</code>
          </pre>
          <p className="mt-2 text-sm text-muted">{t('traces.shape')}</p>
        </Panel>
        <Panel title={t('traces.nowTitle')}>
          <p>{t('traces.now')}</p>
          <div className="mt-4 flex flex-wrap gap-2">
            <ButtonLink to="/operate/orders">{t('nav.order')}</ButtonLink>
            <ButtonLink to="/operate/actors">{t('nav.actors')}</ButtonLink>
          </div>
        </Panel>
      </div>
    </Page>
  )
}
