/**
 * The rules above the table: one key per tap, nothing stale is sent without the shopper, the server's waits are kept, silence backs off, and
 * no path leads to a send that was neither saved nor asked about.
 */
import { describe, expect, it } from 'vitest'
import { backOffMs, FRESH_MS, isFresh, isUnderWay, nothing, step, type Attempt } from './model'
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
  const stale = { intent: { ...intent, startedAtMs: NOW - FRESH_MS - 1 } }

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

describe('silence', () => {
  it('is asked about at once the first time, then with back-off up to a limit', () => {
    let attempt = step(at('sending'), events.silent)
    expect(attempt.phase.name).toBe('asking')
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      attempt = step({ ...attempt, phase: { name: 'asking' } }, events.silent)
      if (attempt.phase.name === 'waiting') waits.push(attempt.phase.untilMs - NOW)
    }
    expect(waits).toEqual([2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000, 15_000])
    expect(backOffMs(1)).toBe(1000)
  })

  it('after the second send waits before it asks, so that two ends without a network do not spin', () => {
    const attempt = step(at('sending', { silences: 1 }), events.silent)
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
        if (next.phase.name === 'refused') expect(['refused', 'unsaved']).toContain(name)
        if (isUnderWay(attempt) && next.intent) expect(next.intent.key).toBe(attempt.intent?.key)
        visit(next, depth - 1)
      }
    }
    visit(nothing, 7)
    expect(paths).toBeGreaterThan(1000)
  })
})
