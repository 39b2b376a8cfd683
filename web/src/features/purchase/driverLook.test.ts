/** The driver when the disk fails, when nobody looks, and when somebody comes back to what was won or refused. */
import { describe, expect, it } from 'vitest'
import { FRESH_MS } from './pace'
import { intent, nothingHeld, purchase, settle, silent, won, World } from './testWorld'
import type { Reply } from './reply'

const refused: Reply = { kind: 'refused', refusal: { code: 'sold_out' } }

function asks(world: World): string[] {
  return world.log.filter((line) => /^(send|ask)/.test(line))
}

describe('a disk that cannot be read', () => {
  it('stops a tap: what it may hold is neither overwritten nor removed', async () => {
    const world = new World()
    world.disk = { intent: intent(world, 'old'), phase: { name: 'sending' }, turn: 3, failures: 0 }
    world.isDiskUnreadable = true
    const tab = world.tab()
    await tab.read(true)
    void tab.tap(intent(world, 'new'))
    await settle()
    expect(tab.attempt.phase).toEqual({ name: 'refused', refusal: { code: 'not_saved' } })
    await tab.dismiss()
    expect(world.log).toEqual([])
    expect(world.disk.intent?.key).toBe('old')
    world.isDiskUnreadable = false
    world.answers = [won]
    void tab.tap(intent(world, 'new'))
    await settle()
    expect(asks(world)).toEqual(['ask old ×1'])
  })
})

describe('a hidden tab', () => {
  it('asks nothing once the attempt is not fresh, until it is shown', async () => {
    const world = new World()
    const tab = world.tab()
    void tab.tap(intent(world))
    await settle()
    world.isHidden = true
    for (let s = 0; s < 20; s++) await world.pass(FRESH_MS / 10)
    const before = asks(world).length
    for (let s = 0; s < 20; s++) await world.pass(FRESH_MS)
    expect(asks(world)).toHaveLength(before)
    expect(tab.attempt.phase.name).toBe('waiting')
    world.isHidden = false
    world.answers = [won]
    void tab.read(true)
    await settle()
    expect(tab.attempt.phase.name).toBe('won')
  })

  it('leaves the attempt to a tab that is looked at', async () => {
    const world = new World()
    const tab = world.tab()
    void tab.tap(intent(world))
    await settle()
    world.isHidden = true
    for (let s = 0; s < 20; s++) await world.pass(FRESH_MS / 10)
    world.isHidden = false
    world.answers = [won]
    const other = world.tab()
    void other.read(true)
    await settle()
    expect(other.attempt.phase.name).toBe('won')
  })
})

describe('who comes back', () => {
  it('to a won order sees its present status and time, every time', async () => {
    const world = new World()
    const tab = world.tab()
    world.answers = [won]
    void tab.tap(intent(world))
    await settle()
    const later = { ...purchase, pay_before_ms: purchase.pay_before_ms + 1000 }
    for (const now of [later, { ...later, status: 'paid' as const }]) {
      world.answers = [{ kind: 'won', purchase: now }]
      await tab.read(true)
      await settle()
      expect(tab.attempt.phase).toEqual({ name: 'won', purchase: now })
      expect(world.disk?.phase).toEqual({ name: 'won', purchase: now })
    }
  })

  it('to a refusal in a new page sees no old news', async () => {
    const world = new World()
    world.disk = {
      intent: intent(world),
      phase: { name: 'refused', refusal: { code: 'sold_out' } },
      turn: 3,
      failures: 0,
    }
    const tab = world.tab()
    await tab.read(true)
    expect(tab.attempt.phase.name).toBe('idle')
    world.answers = [refused]
    void tab.tap(intent(world, 'k2'))
    await settle()
    await tab.read(true)
    expect(tab.attempt.phase.name).toBe('refused')
  })
})

describe('asked again, a won order', () => {
  it('tells when it may be asked next, and when that is of no use', async () => {
    const world = new World()
    world.answers = [won]
    const tab = world.tab()
    void tab.tap(intent(world))
    await settle()
    world.answers = [won, silent, { kind: 'later', code: 'busy', waitMs: 700, isCertain: false }, nothingHeld]
    expect(await tab.refresh()).toBe(0)
    expect(await tab.refresh()).toBe(0)
    expect(await tab.refresh()).toBe(700)
    expect(await tab.refresh()).toBeNull()
    expect(tab.attempt.phase).toEqual({ name: 'won', purchase })
  })
})
