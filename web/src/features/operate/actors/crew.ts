import type { Actor, ActorKind } from '@/shared/api/types'

export const kinds: readonly ActorKind[] = [
  'edge',
  'limiter',
  'seckill',
  'broker',
  'ordering',
  'inventory',
  'account',
]

export type NewsKind = 'joined' | 'ready' | 'draining' | 'left' | 'restarted'

export interface News {
  what: NewsKind
  actor: Actor
  atMs: number
}

/** The processes as of the last answer, and what happened to them lately, newest last. */
export interface Crew {
  actors: readonly Actor[]
  news: readonly News[]
}

/** How long a change is pointed out. */
export const NEWS_MS = 10_000

function newsOf(before: Actor | undefined, now: Actor): NewsKind | null {
  if (!before) return 'joined'
  if (before.pid !== now.pid) return 'restarted'
  if (before.state === now.state || now.state === 'starting') return null
  return now.state
}

/** Compares two answers. The first one is no news. */
export function watch(before: Crew | undefined, actors: readonly Actor[], nowMs: number): Crew {
  if (!before) return { actors, news: [] }
  const old = new Map(before.actors.map((actor) => [actor.id, actor]))
  const present = new Set(actors.map((actor) => actor.id))
  const fresh: News[] = []
  for (const actor of actors) {
    const what = newsOf(old.get(actor.id), actor)
    if (what) fresh.push({ what, actor, atMs: nowMs })
  }
  for (const actor of before.actors)
    if (!present.has(actor.id)) fresh.push({ what: 'left', actor, atMs: nowMs })
  const kept = before.news.filter((news) => nowMs - news.atMs < NEWS_MS)
  return { actors, news: [...kept, ...fresh] }
}

export interface Member {
  actor: Actor
  news: NewsKind | null
}

export interface Group {
  kind: ActorKind
  /** Live processes and, for a while, those that left. */
  members: Member[]
  /** Live ones. */
  count: number
  ready: number
  rate: number
  inFlight: number
  queueDepth: number
}

function numberOf(id: string): number {
  return Number(id.split('/')[1] ?? 0)
}

export function groupOf(crew: Crew, kind: ActorKind): Group {
  const latest = new Map(crew.news.map((news) => [news.actor.id, news]))
  const live = crew.actors.filter((actor) => actor.kind === kind)
  const gone = [...latest.values()]
    .filter(
      ({ what, actor }) => what === 'left' && actor.kind === kind && !live.some(({ id }) => id === actor.id),
    )
    .map(({ actor }) => actor)
  const sum = (of: (actor: Actor) => number): number => live.reduce((total, actor) => total + of(actor), 0)
  return {
    kind,
    members: [...live, ...gone]
      .map((actor) => ({ actor, news: latest.get(actor.id)?.what ?? null }))
      .sort((a, b) => numberOf(a.actor.id) - numberOf(b.actor.id)),
    count: live.length,
    ready: live.filter((actor) => actor.state === 'ready').length,
    rate: sum((actor) => actor.rate_per_s),
    inFlight: sum((actor) => actor.in_flight),
    queueDepth: sum((actor) => actor.queue_depth),
  }
}
