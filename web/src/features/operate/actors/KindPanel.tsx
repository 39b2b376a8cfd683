import { formatMoment } from '@/shared/lib/time'
import { Badge, type NoticeTone } from '@/shared/ui/Notice'
import { useTranslation } from 'react-i18next'
import { formatCount } from '../ui/Figure'
import { Records, type Column } from '../ui/Records'
import { CountForm } from './CountForm'
import type { Group, Member, NewsKind } from './crew'

/** All processes of a kind, what they carry together, and how many there should be. */
export function KindPanel({ group }: { group: Group }) {
  const { t } = useTranslation('operate')
  const columns = useColumns()
  const isWhole = group.ready === group.count && group.count > 0
  return (
    <section className="ticket scroll-mt-24 px-5 py-4 sm:px-6" aria-labelledby={`kind-${group.kind}`}>
      <div className="flex flex-wrap items-start justify-between gap-x-8 gap-y-4">
        <div className="min-w-0 flex-1 basis-72">
          <div className="flex flex-wrap items-center gap-2">
            <h2 id={`kind-${group.kind}`} className="text-xl font-semibold">
              {t(`kind.${group.kind}.name`)}
            </h2>
            <Badge tone={isWhole ? 'good' : 'warn'}>
              {t('actors.readyOf', { ready: group.ready, count: group.count })}
            </Badge>
          </div>
          <p className="mt-1 text-muted">{t(`kind.${group.kind}.does`)}</p>
          {group.count > 1 && <Totals group={group} />}
        </div>
        <CountForm kind={group.kind} present={group.count} />
      </div>
      {group.members.length > 0 ? (
        <div className="perforated mt-4 pt-2">
          <Records
            isBare
            caption={t('actors.processes', { kind: t(`kind.${group.kind}.name`) })}
            rows={group.members}
            rowKey={({ actor }) => `${actor.id} ${actor.pid}`}
            columns={columns}
            rowClass={({ news }) => (news === 'left' ? 'text-muted' : '')}
          />
        </div>
      ) : (
        <p className="perforated mt-4 pt-4 font-semibold text-bad">{t(`kind.${group.kind}.without`)}</p>
      )}
    </section>
  )
}

function Totals({ group }: { group: Group }) {
  const { t, i18n } = useTranslation('operate')
  const rows = [
    [t('actors.rate'), group.rate],
    [t('actors.inFlight'), group.inFlight],
    [t('actors.queue'), group.queueDepth],
  ] as const
  return (
    <dl className="mt-2 flex flex-wrap gap-x-6 gap-y-1">
      {rows.map(([name, value]) => (
        <div key={name} className="flex items-baseline gap-2">
          <dt className="text-sm text-muted">{name}</dt>
          <dd className="figures min-w-8 font-semibold">{formatCount(value, i18n.language)}</dd>
        </div>
      ))}
    </dl>
  )
}

const stateTones: Record<Member['actor']['state'], NoticeTone> = {
  starting: 'info',
  ready: 'good',
  draining: 'warn',
}
const newsTones: Record<NewsKind, NoticeTone | 'plain'> = {
  joined: 'info',
  ready: 'good',
  draining: 'warn',
  left: 'plain',
  restarted: 'warn',
}

function Health({ member: { actor, news } }: { member: Member }) {
  const { t } = useTranslation('operate')
  return (
    <span className="inline-flex flex-wrap gap-1">
      {news !== 'left' && <Badge tone={stateTones[actor.state]}>{t(`actors.state.${actor.state}`)}</Badge>}
      {news && news !== actor.state && <Badge tone={newsTones[news]}>{t(`actors.news.${news}`)}</Badge>}
    </span>
  )
}

function useColumns(): Column<Member>[] {
  const { t, i18n } = useTranslation('operate')
  const number = (head: string, of: (member: Member) => number): Column<Member> => ({
    key: head,
    head,
    cell: (member) => formatCount(of(member), i18n.language),
    isNumber: true,
  })
  return [
    {
      key: 'id',
      head: t('actors.process'),
      cell: ({ actor }) => <span className="figures font-semibold">{actor.id}</span>,
    },
    { key: 'state', head: t('actors.health'), cell: (member) => <Health member={member} /> },
    number(t('actors.rate'), ({ actor }) => actor.rate_per_s),
    number(t('actors.inFlight'), ({ actor }) => actor.in_flight),
    number(t('actors.queue'), ({ actor }) => actor.queue_depth),
    {
      key: 'since',
      head: t('actors.since'),
      cell: ({ actor }) => <span className="text-sm">{formatMoment(actor.since_ms, i18n.language)}</span>,
    },
    { key: 'pid', head: t('actors.pid'), cell: ({ actor }) => String(actor.pid), isNumber: true },
    { key: 'version', head: t('actors.version'), cell: ({ actor }) => actor.version, isNumber: true },
  ]
}
