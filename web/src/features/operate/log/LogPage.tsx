import { formatInstant } from '@/shared/lib/time'
import { Empty, Page } from '@/shared/ui/Page'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useLog } from '../api/listLog'
import type { LogEntry } from '../api/types'
import { Pages } from '../ui/Pages'
import { Records, type Column } from '../ui/Records'
import { placeOf } from './target'

export function LogPage() {
  const { t } = useTranslation('operate')
  const query = useLog()
  const columns = useColumns()
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? []
  return (
    <Page title={t('log.title')} lead={t('log.lead')}>
      <Pages query={query}>
        {entries.length === 0 ? (
          <Empty title={t('log.none')} />
        ) : (
          <Records
            caption={t('log.title')}
            rows={entries}
            rowKey={(entry) => `${entry.at_ms} ${entry.action} ${entry.target} ${entry.to}`}
            columns={columns}
          />
        )}
      </Pages>
    </Page>
  )
}

function useColumns(): Column<LogEntry>[] {
  const { t, i18n } = useTranslation('operate')
  const words: Record<string, string | undefined> = t('logAction', { returnObjects: true })
  return [
    {
      key: 'when',
      head: t('log.when'),
      cell: (entry) => (
        <time dateTime={new Date(entry.at_ms).toISOString()} className="figures text-sm whitespace-nowrap">
          {formatInstant(entry.at_ms, i18n.language)}
        </time>
      ),
    },
    { key: 'who', head: t('log.who'), cell: (entry) => entry.who },
    {
      key: 'action',
      head: t('log.action'),
      cell: (entry) => <span className="font-semibold">{words[entry.action] ?? entry.action}</span>,
    },
    { key: 'target', head: t('log.target'), cell: (entry) => <Target text={entry.target} /> },
    { key: 'change', head: t('log.change'), cell: (entry) => <Change entry={entry} />, isText: true },
  ]
}

function Target({ text }: { text: string }) {
  const place = placeOf(text)
  return place ? (
    <Link to={place} className="underline">
      {text}
    </Link>
  ) : (
    text
  )
}

function Change({ entry }: { entry: LogEntry }) {
  const { t } = useTranslation('operate')
  return (
    <span className="text-sm">
      {entry.from && <span className="text-muted">{entry.from}</span>}
      {entry.from && (
        <>
          <span aria-hidden="true">{' → '}</span>
          <span className="sr-only">{t('log.became')}</span>
        </>
      )}
      {entry.to}
    </span>
  )
}
