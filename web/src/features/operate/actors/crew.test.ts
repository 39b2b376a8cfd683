import { describe, expect, it } from 'vitest'
import { actorOf } from '../test/samples'
import { groupOf, NEWS_MS, watch, type Crew } from './crew'

const said = (crew: Crew) => crew.news.map(({ what, actor }) => `${actor.id} ${what}`)

describe('who came and who left', () => {
  const first = watch(undefined, [actorOf('edge/1'), actorOf('edge/2')], 0)

  it('the first answer is no news', () => {
    expect(first.news).toEqual([])
  })

  it('nothing changed: nothing is said', () => {
    expect(said(watch(first, [actorOf('edge/2', { rate_per_s: 99 }), actorOf('edge/1')], 1000))).toEqual([])
  })

  it('a process joins, gets ready, drains and leaves, each said once', () => {
    let crew = watch(first, [...first.actors, actorOf('edge/3', { state: 'starting' })], 1000)
    expect(said(crew)).toEqual(['edge/3 joined'])
    crew = watch(crew, [...first.actors, actorOf('edge/3')], 2000)
    crew = watch(crew, [...first.actors, actorOf('edge/3')], 3000)
    crew = watch(crew, [...first.actors, actorOf('edge/3', { state: 'draining' })], 4000)
    crew = watch(crew, first.actors, 5000)
    expect(said(crew)).toEqual(['edge/3 joined', 'edge/3 ready', 'edge/3 draining', 'edge/3 left'])
  })

  it('another process in the same place is a restart, also in another state', () => {
    const crew = watch(first, [actorOf('edge/1', { pid: 7, state: 'starting' }), actorOf('edge/2')], 1000)
    expect(said(crew)).toEqual(['edge/1 restarted'])
  })

  it('news grows old', () => {
    const crew = watch(first, [actorOf('edge/1')], 1000)
    expect(said(watch(crew, crew.actors, 1000 + NEWS_MS - 1))).toEqual(['edge/2 left'])
    expect(said(watch(crew, crew.actors, 1000 + NEWS_MS))).toEqual([])
  })
})

describe('the processes of a kind', () => {
  it('are counted and summed, those of other kinds left out', () => {
    const crew = watch(
      undefined,
      [
        actorOf('edge/10'),
        actorOf('edge/2', { state: 'starting' }),
        actorOf('broker/1', { rate_per_s: 500 }),
      ],
      0,
    )
    const group = groupOf(crew, 'edge')
    expect(group).toMatchObject({ count: 2, ready: 1, rate: 20, inFlight: 2, queueDepth: 4 })
    expect(group.members.map(({ actor }) => actor.id)).toEqual(['edge/2', 'edge/10'])
    expect(groupOf(crew, 'account')).toMatchObject({ count: 0, ready: 0, members: [] })
  })

  it('who left is shown for a while, and not counted', () => {
    const crew = watch(watch(undefined, [actorOf('edge/1'), actorOf('edge/2')], 0), [actorOf('edge/1')], 1000)
    const group = groupOf(crew, 'edge')
    expect(group.count).toBe(1)
    expect(group.members.map(({ actor, news }) => [actor.id, news])).toEqual([
      ['edge/1', null],
      ['edge/2', 'left'],
    ])
  })

  it('who left and came back is shown once', () => {
    const both = [actorOf('edge/1'), actorOf('edge/2')]
    const crew = watch(watch(watch(undefined, both, 0), [actorOf('edge/1')], 1000), both, 2000)
    expect(groupOf(crew, 'edge').members.map(({ actor, news }) => [actor.id, news])).toEqual([
      ['edge/1', null],
      ['edge/2', 'joined'],
    ])
  })
})
