/**
 * The rules above the table: one key per tap, nothing stale is sent without the shopper, the server's waits are kept, silence backs off, and
 * no path leads to a send that was neither saved nor asked about.
 */
import { describe, expect, it } from 'vitest'
import { isUnderWay, nothing, step, type Attempt } from './model'
import { FRESH_MS, isFresh, mayDrive, waitMs } from './pace'
import { at, eventNames, events, intent, NOW, phaseNames, reply, text } from './testAttempts'

describe('the key', () => {
  it('is a new one only for a new tap', () => {
    expect(step(at('refused'), events.tap).intent?.key).toBe('buy-2')
    for (const phase of phaseNames)
      for (const event of eventNames) {
        const after = step(at(phase), events[event])
        if (event !== 'tap' && after.intent) expect(after.intent.key).toBe('buy-1')
      }
  })

  it('stays for "try again safely", with the quantity, and the attempt is fresh again', () => {
    const stale = { ...intent, startedAtMs: NOW - 10 * FRESH_MS }
    const again = step(at('offered', { intent: stale }), events.retry)
    expect(again.intent).toEqual({ ...stale, startedAtMs: NOW })
  })
})

describe('freshness', () => {
  const stale = { intent: { ...intent, startedAtMs: NOW - FRESH_MS - 2 } }

  it('ends after its time, and at once when the clock was set back', () => {
    expect(isFresh({ ...intent, startedAtMs: NOW - FRESH_MS }, NOW)).toBe(true)
    expect(isFresh({ ...intent, startedAtMs: NOW - FRESH_MS - 1 }, NOW)).toBe(false)
    expect(isFresh({ ...intent, startedAtMs: NOW + 1 }, NOW)).toBe(false)
  })

  it('a stale attempt never comes to `sending` but by the shopper', () => {
    for (const phase of phaseNames)
      for (const event of eventNames) {
        if (phase === 'saving' || phase === 'sending') continue // they were begun by the shopper, just now
        expect(step(at(phase, stale), events[event]).phase.name).not.toBe('sending')
      }
    expect(step(at('asking', stale), events.nothing).phase).toEqual({
      name: 'offered',
      notBeforeMs: NOW,
      why: null,
    })
    expect(step(at('waitingToSend', stale), events.wake).phase.name).toBe('offered')
  })

  it('a wait that outlasts it becomes an offer, not before the server allows', () => {
    const late = reply({ kind: 'later', code: 'rate_limited', waitMs: FRESH_MS, isCertain: true })
    expect(step(at('sending'), late).phase).toEqual({
      name: 'offered',
      notBeforeMs: NOW + FRESH_MS,
      why: 'rate_limited',
    })
  })

  it('asking goes on however old the attempt is', () => {
    expect(step(at('asking', stale), events.laterUnknown).phase.name).toBe('waiting')
    expect(step(at('waitingToAsk', stale), events.wake).phase.name).toBe('asking')
  })
})

describe('what the server says about time', () => {
  it('is waited for to the millisecond', () => {
    const { phase } = step(at('sending'), events.laterCertain)
    expect(phase).toEqual({
      name: 'waiting',
      untilMs: NOW + 500,
      next: 'send',
      why: 'rate_limited',
      limit: 'user',
    })
  })
})

describe('a wait', () => {
  it('first is as long as the server says, then at least twice as long with every failure, "not now" or silence', () => {
    expect(waitMs(1, 40, 0)).toBe(40)
    expect([2, 3, 4, 20].map((failures) => waitMs(failures, 40, 0))).toEqual([1000, 2000, 4000, 60_000])
    expect(waitMs(3, 300_000, 0)).toBe(300_000)
    let attempt = step(at('asking'), events.laterUnknown)
    attempt = step({ ...attempt, phase: { name: 'asking' } }, events.laterUnknown)
    attempt = step({ ...attempt, phase: { name: 'asking' } }, events.laterUnknown)
    expect(attempt.phase).toMatchObject({ name: 'waiting', untilMs: NOW + 2000 })
  })

  it('is spread by up to a fifth, never shorter', () => {
    expect(waitMs(1, 1000, 0.999)).toBe(1200)
    const busy = { kind: 'later', code: 'rate_limited', waitMs: 500, isCertain: true } as const
    const { phase } = step(at('sending'), { type: 'reply', reply: busy, nowMs: NOW, dice: 0.5 })
    expect(phase).toMatchObject({ untilMs: NOW + 550 })
  })

  it('ends by its timer, also when the clock was set back meanwhile', () => {
    expect(step(at('waitingToAsk'), events.wakeClockSetBack).phase.name).toBe('asking')
  })
})

describe('a hidden tab', () => {
  it('goes on for as long as the attempt is fresh', () => {
    expect(mayDrive(intent, NOW, true)).toBe(true)
    expect(mayDrive(intent, NOW + FRESH_MS, true)).toBe(false)
    expect(mayDrive(null, NOW, true)).toBe(false)
    expect(mayDrive(intent, NOW + FRESH_MS, false)).toBe(true)
  })
})

describe('silence', () => {
  it('is asked about at once the first time, then with back-off up to a limit', () => {
    let attempt = step(at('sending'), events.silent)
    expect(attempt.phase.name).toBe('asking')
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      attempt = step({ ...attempt, phase: { name: 'asking' } }, events.silent)
      if (attempt.phase.name === 'waiting') waits.push(attempt.phase.untilMs - NOW)
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  })

  it('after the second send waits before it asks, so that two ends without a network do not spin', () => {
    const attempt = step(at('sending', { failures: 1 }), events.silent)
    expect(text(attempt)).toBe('waiting ask silent')
  })
})

describe('invariants on every path of seven events', () => {
  it('sends only what was saved or asked about, and ends only by the server or before the first send', () => {
    let paths = 0
    const visit = (attempt: Attempt, depth: number): void => {
      if (depth === 0) return
      for (const name of eventNames) {
        const next = step(attempt, events[name])
        if (next === attempt) continue
        paths += 1
        if (next.phase.name === 'sending')
          expect(['saving', 'asking', 'waiting']).toContain(attempt.phase.name)
        if (next.phase.name === 'sending' && attempt.phase.name === 'waiting')
          expect(attempt.phase.next).toBe('send')
        if (next.phase.name === 'won') expect(name).toBe('won')
        if (next.phase.name === 'refused') expect(['refused', 'unsaved', 'unreadable']).toContain(name)
        if (isUnderWay(attempt) && next.intent) expect(next.intent.key).toBe(attempt.intent?.key)
        visit(next, depth - 1)
      }
    }
    visit(nothing, 7)
    expect(paths).toBeGreaterThan(1000)
  })
})
