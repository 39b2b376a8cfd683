/** The driver in several tabs and sessions: one key for all tabs, whoever lives; nothing is written for a shopper who left. */
import { describe, expect, it } from 'vitest'
import type { Reply } from './reply'
import { intent, purchase, settle, won, World } from './testWorld'

describe('two tabs', () => {
  it('that are tapped together send one key; both show the order', async () => {
    const world = new World()
    world.answers = [won]
    const [a, b] = [world.tab(), world.tab()]
    await Promise.all([a.read(), b.read()])
    void a.tap(intent(world, 'ka'))
    void b.tap(intent(world, 'kb'))
    await settle()
    expect(world.log.filter((line) => line.startsWith('send'))).toEqual(['send ka ×1'])
    expect(a.attempt.phase).toEqual({ name: 'won', purchase })
    expect(b.attempt.phase).toEqual({ name: 'won', purchase })
  })

  it('one watches; when the other crashes it goes on with the same key', async () => {
    const world = new World()
    world.answers = [new Promise<Reply>(() => undefined), won]
    const [a, b] = [world.tab(), world.tab()]
    await Promise.all([a.read(), b.read()])
    void a.tap(intent(world, 'ka'))
    await settle()
    expect(b.attempt.phase.name).toBe('sending')
    expect(world.log.filter((line) => /^(send|ask)/.test(line))).toEqual(['send ka ×1'])
    world.crash(a)
    await settle()
    expect(world.log.filter((line) => /^(send|ask)/.test(line))).toEqual(['send ka ×1', 'ask ka ×1'])
    expect(b.attempt.phase).toEqual({ name: 'won', purchase })
  })

  it('a result dismissed in one is gone in the other', async () => {
    const world = new World()
    world.answers = [{ kind: 'refused', refusal: { code: 'sold_out' } }]
    const [a, b] = [world.tab(), world.tab()]
    await Promise.all([a.read(), b.read()])
    void a.tap(intent(world))
    await settle()
    expect(b.attempt.phase.name).toBe('refused')
    void b.dismiss()
    await settle()
    expect(a.attempt.phase.name).toBe('idle')
  })
})

describe('the session', () => {
  it('that ended keeps the attempt on disk and says so once it is there', async () => {
    const world = new World()
    world.answers = [{ kind: 'signedOut' }]
    let said = ''
    const tab = world.tab(() => (said = world.disk?.phase.name ?? 'not on disk'))
    void tab.tap(intent(world))
    await settle()
    expect(said).toBe('signin')
  })

  it('of another shopper: an answer that comes late writes nothing', async () => {
    const world = new World()
    let answer: (reply: Reply) => void = () => undefined
    world.answers = [new Promise<Reply>((resolve) => (answer = resolve))]
    const tab = world.tab()
    void tab.tap(intent(world))
    await settle()
    tab.stop()
    world.disk = null // log-out clears it
    answer(won)
    await settle()
    expect(world.disk).toBeNull()
  })
})
