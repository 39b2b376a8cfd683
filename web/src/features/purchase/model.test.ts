/**
 * The attempt's state machine: every event in every phase does what the table in model.ts says and nothing else; nothing is sent before it
 * is on disk, nothing unknown is sent again before it was asked about, nothing stale is sent without the shopper.
 */
import { describe, expect, it } from 'vitest'
import type { Purchase } from '@/shared/api/types'
import {
  backOffMs,
  FRESH_MS,
  isFresh,
  isUnderWay,
  nothing,
  step,
  type Attempt,
  type Event,
  type Intent,
  type Phase,
} from './model'
import type { Reply } from './reply'

const NOW = 1_000_000
const intent: Intent = { key: 'buy-1', saleId: '7', userId: '3', quantity: 2, startedAtMs: NOW - 1000 }
const other: Intent = { ...intent, key: 'buy-2', quantity: 1, startedAtMs: NOW }
const purchase: Purchase = {
  order_id: 'o',
  sale_id: '7',
  quantity: 2,
  price_cents: 100,
  total_cents: 200,
  currency: 'EUR',
  status: 'reserved',
  sequence: 137,
  pay_before_ms: NOW + 900_000,
}

const phases = {
  idle: { name: 'idle' },
  saving: { name: 'saving' },
  sending: { name: 'sending' },
  asking: { name: 'asking' },
  waitingToSend: { name: 'waiting', untilMs: NOW, next: 'send', why: 'rate_limited' },
  waitingToAsk: { name: 'waiting', untilMs: NOW, next: 'ask', why: 'busy' },
  waitingForNetwork: { name: 'waiting', untilMs: NOW, next: 'ask', why: 'silent' },
  offered: { name: 'offered', notBeforeMs: NOW, why: null },
  signin: { name: 'signin' },
  won: { name: 'won', purchase },
  wonClosed: { name: 'won', purchase: { ...purchase, status: 'expired' } },
  refused: { name: 'refused', refusal: { code: 'sold_out' } },
} satisfies Record<string, Phase>
type PhaseName = keyof typeof phases
const phaseNames = Object.keys(phases) as PhaseName[]

function reply(answer: Reply): Event {
  return { type: 'reply', reply: answer, nowMs: NOW }
}

const events = {
  tap: { type: 'tap', intent: other },
  saved: { type: 'saved' },
  unsaved: { type: 'unsaved' },
  won: reply({ kind: 'won', purchase: { ...purchase, status: 'paid' } }),
  nothing: reply({ kind: 'nothing' }),
  refused: reply({ kind: 'refused', refusal: { code: 'sale_ended' } }),
  laterCertain: reply({ kind: 'later', code: 'rate_limited', waitMs: 500, isCertain: true, limit: 'user' }),
  laterUnknown: reply({ kind: 'later', code: 'busy', waitMs: 500, isCertain: false }),
  silent: reply({ kind: 'silent' }),
  signedOut: reply({ kind: 'signedOut' }),
  wake: { type: 'wake', nowMs: NOW },
  wakeEarly: { type: 'wake', nowMs: NOW - 1 },
  online: { type: 'online' },
  retry: { type: 'retry', nowMs: NOW },
  resume: { type: 'resume' },
  dismiss: { type: 'dismiss' },
} satisfies Record<string, Event>
type EventName = keyof typeof events
const eventNames = Object.keys(events) as EventName[]

/** The whole table; what is not in it changes nothing. The attempt is fresh and had no silence yet. */
const table: Record<PhaseName, Partial<Record<EventName, string>>> = {
  idle: { tap: 'saving' },
  saving: { saved: 'sending', unsaved: 'refused not_saved', resume: 'asking' },
  sending: {
    won: 'won paid',
    refused: 'refused sale_ended',
    laterCertain: 'waiting send rate_limited',
    laterUnknown: 'waiting ask busy',
    silent: 'asking',
    signedOut: 'signin',
    resume: 'asking',
  },
  asking: {
    won: 'won paid',
    nothing: 'sending',
    refused: 'refused sale_ended',
    laterCertain: 'waiting ask rate_limited',
    laterUnknown: 'waiting ask busy',
    silent: 'waiting ask silent',
    signedOut: 'signin',
    resume: 'asking',
  },
  waitingToSend: { wake: 'sending', resume: 'asking' },
  waitingToAsk: { wake: 'asking', resume: 'asking' },
  waitingForNetwork: { wake: 'asking', online: 'asking', resume: 'asking' },
  offered: { retry: 'saving', dismiss: 'idle' },
  signin: { resume: 'asking' },
  won: { won: 'won paid', dismiss: 'idle' },
  wonClosed: { tap: 'saving', won: 'won paid', dismiss: 'idle' },
  refused: { tap: 'saving', dismiss: 'idle' },
}

function at(name: PhaseName, over: Partial<Attempt> = {}): Attempt {
  return { intent: name === 'idle' ? null : intent, phase: phases[name], turn: 5, silences: 0, ...over }
}

function text({ phase }: Attempt): string {
  switch (phase.name) {
    case 'waiting':
      return `waiting ${phase.next} ${phase.why}`
    case 'refused':
      return `refused ${phase.refusal.code}`
    case 'won':
      return `won ${phase.purchase.status}`
    default:
      return phase.name
  }
}

describe('every event in every phase', () => {
  for (const phase of phaseNames)
    for (const event of eventNames) {
      const expected = table[phase][event]
      it(`${phase} × ${event} → ${expected ?? 'as it was'}`, () => {
        const before = at(phase)
        const after = step(before, events[event])
        if (expected === undefined) expect(after).toBe(before)
        else {
          expect(text(after)).toBe(expected)
          expect(after.turn).toBe(before.turn + 1)
        }
      })
    }
})

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
