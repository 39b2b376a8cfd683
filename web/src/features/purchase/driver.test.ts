/** The driver in one tab: disk before network, the server's waits kept, and after a crash in any phase the same attempt goes on. */
import { describe, expect, it } from 'vitest'
import type { Attempt } from './model'
import { FRESH_MS } from './pace'
import { intent, nothingHeld, purchase, settle, silent, won, World } from './testWorld'

describe('one tap', () => {
  it('is on disk before it is sent, and ends won', async () => {
    const world = new World()
    world.answers = [won]
    const tab = world.tab()
    void tab.tap(intent(world))
    await settle()
    expect(world.log).toEqual(['put saving', 'put sending', 'send k1 ×1', 'put won'])
    expect(tab.attempt.phase).toEqual({ name: 'won', purchase })
  })

  it('sends nothing if the disk refuses', async () => {
    const world = new World()
    world.isDiskBroken = true
    const tab = world.tab()
    void tab.tap(intent(world))
    await settle()
    expect(world.log).toEqual([])
    expect(tab.attempt.phase).toEqual({ name: 'refused', refusal: { code: 'not_saved' } })
  })

  it('twice is one attempt', async () => {
    const world = new World()
    world.answers = [won]
    const tab = world.tab()
    void tab.tap(intent(world, 'k1'))
    void tab.tap(intent(world, 'k2'))
    await settle()
    expect(world.log.filter((line) => line.startsWith('send'))).toEqual(['send k1 ×1'])
  })

  it('dismissed or tapped again while the result is being written is not forgotten', async () => {
    for (const act of ['dismiss', 'tap'] as const) {
      const world = new World()
      world.answers = [{ kind: 'refused', refusal: { code: 'sold_out' } }, won]
      const tab = world.tab()
      let hasActed = false
      tab.subscribe(() => {
        if (tab.attempt.phase.name !== 'refused' || hasActed) return
        hasActed = true
        void (act === 'tap' ? tab.tap(intent(world, 'k2')) : tab.dismiss())
      })
      void tab.tap(intent(world))
      await settle()
      expect(tab.attempt.phase.name).toBe(act === 'tap' ? 'won' : 'idle')
      expect(world.disk?.phase.name).toBe(act === 'tap' ? 'won' : undefined)
    }
  })

  it('after silence asks, and sends again with the same key only when nothing is held', async () => {
    const world = new World()
    world.answers = [silent, nothingHeld, won]
    const tab = world.tab()
    void tab.tap(intent(world, 'k1', 2))
    await settle()
    expect(world.log.filter((line) => !line.startsWith('put'))).toEqual([
      'send k1 ×2',
      'ask k1 ×2',
      'send k1 ×2',
    ])
    expect(tab.attempt.phase.name).toBe('won')
  })

  it('told to wait, waits to the millisecond and not less', async () => {
    const world = new World()
    world.answers = [{ kind: 'later', code: 'rate_limited', waitMs: 3000, isCertain: true }, won]
    const tab = world.tab()
    void tab.tap(intent(world))
    await settle()
    await world.pass(2999)
    expect(world.log.filter((line) => line.startsWith('send'))).toHaveLength(1)
    await world.pass(1)
    expect(tab.attempt.phase.name).toBe('won')
  })

  it('without a network asks at once when it is back', async () => {
    const world = new World()
    world.answers = [silent, silent, won]
    const tab = world.tab()
    void tab.tap(intent(world))
    await settle()
    expect(tab.attempt.phase).toMatchObject({ name: 'waiting', why: 'silent' })
    tab.online()
    await settle()
    expect(tab.attempt.phase.name).toBe('won')
  })
})

describe('after a crash or reload', () => {
  it('in every phase under way, the next page asks first', async () => {
    const under: Attempt['phase'][] = [
      { name: 'saving' },
      { name: 'sending' },
      { name: 'asking' },
      { name: 'waiting', untilMs: 0, next: 'send', why: 'rate_limited' },
      { name: 'signin' },
    ]
    for (const phase of under) {
      const world = new World()
      world.disk = { intent: intent(world), phase, turn: 3, failures: 0 }
      world.answers = [won]
      const tab = world.tab()
      void tab.read()
      await settle()
      expect(world.log.filter((line) => !line.startsWith('put'))).toEqual(['ask k1 ×1'])
      expect(tab.attempt.phase.name).toBe('won')
    }
  })

  it('long after the tap nothing is sent unasked; the shopper may, with the same key', async () => {
    const world = new World()
    const old = { ...intent(world), startedAtMs: world.nowMs - 2 * FRESH_MS }
    world.disk = { intent: old, phase: { name: 'sending' }, turn: 3, failures: 0 }
    world.answers = [nothingHeld, won]
    const tab = world.tab()
    void tab.read()
    await settle()
    expect(tab.attempt.phase.name).toBe('offered')
    expect(world.log.filter((line) => line.startsWith('send'))).toEqual([])
    void tab.retry()
    await settle()
    expect(world.log.filter((line) => line.startsWith('send'))).toEqual(['send k1 ×1'])
    expect(tab.attempt.phase.name).toBe('won')
  })

  it('a result stays, a won order shows its present status, until it is dismissed', async () => {
    const world = new World()
    world.disk = { intent: intent(world), phase: { name: 'won', purchase }, turn: 3, failures: 0 }
    world.answers = [{ kind: 'won', purchase: { ...purchase, status: 'paid' } }]
    const tab = world.tab()
    void tab.read(true)
    await settle()
    expect(tab.attempt.phase).toEqual({ name: 'won', purchase: { ...purchase, status: 'paid' } })
    void tab.dismiss()
    await settle()
    expect(tab.attempt.phase.name).toBe('idle')
    expect(world.disk).toBeNull()
  })

  it('a result stays when the question about it is not answered', async () => {
    const world = new World()
    world.disk = { intent: intent(world), phase: { name: 'won', purchase }, turn: 3, failures: 0 }
    world.answers = [nothingHeld]
    const tab = world.tab()
    void tab.read(true)
    await settle()
    expect(tab.attempt.phase).toEqual({ name: 'won', purchase })
  })
})
