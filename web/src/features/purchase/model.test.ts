/** The attempt's state machine: every event in every phase does what the table in model.ts says, and nothing else. */
import { describe, expect, it } from 'vitest'
import { step } from './model'
import { at, eventNames, events, phaseNames, text, type EventName, type PhaseName } from './testAttempts'

/** The whole table; what is not in it changes nothing. The attempt is fresh and had no silence yet. */
const table: Record<PhaseName, Partial<Record<EventName, string>>> = {
  idle: { tap: 'saving', unreadable: 'refused not_saved' },
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
  waitingToSend: { wake: 'sending', wakeClockSetBack: 'sending', resume: 'asking' },
  waitingToAsk: { wake: 'asking', wakeClockSetBack: 'asking', resume: 'asking' },
  waitingForNetwork: { wake: 'asking', wakeClockSetBack: 'asking', online: 'asking', resume: 'asking' },
  offered: { retry: 'saving', dismiss: 'idle', unreadable: 'refused not_saved' },
  signin: { resume: 'asking', unreadable: 'refused not_saved' },
  won: { won: 'won paid', dismiss: 'idle' },
  wonClosed: { tap: 'saving', won: 'won paid', dismiss: 'idle', unreadable: 'refused not_saved' },
  refused: { tap: 'saving', dismiss: 'idle', unreadable: 'refused not_saved' },
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
