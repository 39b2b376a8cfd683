import { Loading, Page } from '@/shared/ui/Page'
import { ProblemNotice } from '@/shared/ui/Problem'
import { useTranslation } from 'react-i18next'
import { useActors } from '../api/listActors'
import { Stale } from '../ui/Pages'
import { groupOf, kinds, type Crew } from './crew'
import { KindPanel } from './KindPanel'
import { Overview } from './Overview'

export function ActorsPage() {
  const { t } = useTranslation('operate')
  const query = useActors()
  return (
    <Page title={t('actors.title')} lead={t('actors.lead')}>
      {query.data ? (
        <>
          <Stale error={query.error} />
          <Announcer crew={query.data} />
          <Kinds crew={query.data} />
        </>
      ) : query.error ? (
        <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Loading rows={4} className="h-40" />
      )}
    </Page>
  )
}

function Kinds({ crew }: { crew: Crew }) {
  const groups = kinds.map((kind) => groupOf(crew, kind))
  return (
    <>
      <Overview groups={groups} />
      <div className="grid gap-4">
        {groups.map((group) => (
          <KindPanel key={group.kind} group={group} />
        ))}
      </div>
    </>
  )
}

/** Reads out who came and went, without taking the focus from anything. */
function Announcer({ crew }: { crew: Crew }) {
  const { t } = useTranslation('operate')
  const latestMs = crew.news.at(-1)?.atMs
  const sentences = crew.news
    .filter((news) => news.atMs === latestMs)
    .map((news) => t(`actors.said.${news.what}`, { id: news.actor.id }))
  return (
    <p role="status" className="sr-only">
      {sentences.join(' ')}
    </p>
  )
}
