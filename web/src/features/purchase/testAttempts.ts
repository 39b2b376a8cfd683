/** Attempts in every phase, and every event, for the model's tests. */
import type { Purchase } from '@/shared/api/types'
import type { Attempt, Event, Intent, Phase } from './model'
import type { Reply } from './reply'

export const NOW = 1_000_000
export const intent: Intent = { key: 'buy-1', saleId: '7', userId: '3', quantity: 2, startedAtMs: NOW - 1000 }
export const other: Intent = { ...intent, key: 'buy-2', quantity: 1, startedAtMs: NOW }
export const purchase: Purchase = {
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

export const phases = {
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
export type PhaseName = keyof typeof phases
export const phaseNames = Object.keys(phases) as PhaseName[]

export function reply(answer: Reply): Event {
  return { type: 'reply', reply: answer, nowMs: NOW, dice: 0 }
}

export const events = {
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
  wakeClockSetBack: { type: 'wake', nowMs: NOW - 1 },
  online: { type: 'online' },
  retry: { type: 'retry', nowMs: NOW },
  resume: { type: 'resume' },
  dismiss: { type: 'dismiss' },
  unreadable: { type: 'unreadable' },
} satisfies Record<string, Event>
export type EventName = keyof typeof events
export const eventNames = Object.keys(events) as EventName[]

export function at(name: PhaseName, over: Partial<Attempt> = {}): Attempt {
  return { intent: name === 'idle' ? null : intent, phase: phases[name], turn: 5, failures: 0, ...over }
}

export function text({ phase }: Attempt): string {
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
