/**
 * One attempt to buy, from the tap to its end. One tap makes one attempt with one key; whatever happens on the way (no network, a crash, a
 * second tab), the same key is asked about and sent again, so that nobody buys twice and nobody is told "no" while the answer is unknown.
 *
 * Invariants
 * 1. Nothing is sent before the attempt is on disk (`saving` comes first).
 * 2. After a send whose answer did not come, the server is asked (`asking`) before anything is sent again.
 * 3. Only a fresh attempt is sent without the shopper: later it is `offered`, with the same key.
 * 4. Only the server's own word ends an attempt: `won` or `refused`.
 *
 * State × event (any other pair leaves the state as it is)
 *
 *   idle, refused      tap → saving
 *   won                tap, once its order is closed → saving; reply won → won (the order's present status)
 *   saving             saved → sending; unsaved → refused not_saved
 *   sending            reply won → won; refused → refused; later → waiting; silent → asking, then waiting to ask; signedOut → signin
 *   asking             reply won → won; nothing → sending if fresh, else offered; later, silent → waiting to ask; signedOut → signin
 *   waiting            wake → asking, or sending if fresh, else offered; online → asking
 *   offered            retry → saving, fresh again, with the same key
 *   any, after a load  resume → asking if it was under way, else as it was
 *   won, refused, offered   dismiss → idle
 *   idle, refused, signin, offered, won once closed   unreadable (the disk, at a tap) → refused not_saved, without an intent
 */
import type { Purchase } from '@/shared/api/types'
import { BACK_OFF_MS, isFresh, waitMs } from './pace'
import type { Refusal, RefusalCode, Reply, WaitCode } from './reply'
import { isClosed } from './standing'

export interface Intent {
  key: string
  saleId: string
  userId: string
  quantity: number
  /** ms by the device's clock, which also measures its age. */
  startedAtMs: number
}

export type Phase =
  | { name: 'idle' }
  | { name: 'saving' }
  | { name: 'sending' }
  | { name: 'asking' }
  | { name: 'waiting'; untilMs: number; next: 'send' | 'ask'; why: WaitCode; limit?: string }
  | { name: 'offered'; notBeforeMs: number; why: WaitCode | null }
  | { name: 'signin' }
  | { name: 'won'; purchase: Purchase }
  | { name: 'refused'; refusal: Refusal }

export interface Attempt {
  intent: Intent | null
  phase: Phase
  /** Rises with every step: what an earlier step began cannot answer a later one. */
  turn: number
  /** Answers in a row that brought nothing: silences and "not now". */
  failures: number
}

export type Event =
  | { type: 'tap'; intent: Intent }
  | { type: 'saved' }
  | { type: 'unsaved' }
  /** `dice` in [0, 1) spreads a crowd that was refused together. */
  | { type: 'reply'; reply: Reply; nowMs: number; dice: number }
  | { type: 'wake'; nowMs: number }
  | { type: 'online' }
  | { type: 'retry'; nowMs: number }
  | { type: 'resume' }
  | { type: 'dismiss' }
  | { type: 'unreadable' }

export const nothing: Attempt = { intent: null, phase: { name: 'idle' }, turn: 0, failures: 0 }

/** Under way: a tab drives it, and a new tap means the same attempt. */
export function isUnderWay(attempt: Attempt): boolean {
  return ['saving', 'sending', 'asking', 'waiting'].includes(attempt.phase.name)
}

export function step(attempt: Attempt, event: Event): Attempt {
  switch (event.type) {
    case 'tap':
      return canTap(attempt) ? begin(attempt, event.intent) : attempt
    case 'saved':
      return attempt.phase.name === 'saving' ? to(attempt, { name: 'sending' }) : attempt
    case 'unsaved':
      return attempt.phase.name === 'saving' ? refuse(attempt, 'not_saved') : attempt
    case 'reply':
      return onReply(attempt, event)
    case 'wake':
      return onWake(attempt, event.nowMs)
    case 'online':
      return attempt.phase.name === 'waiting' && attempt.phase.why === 'silent'
        ? to(attempt, { name: 'asking' })
        : attempt
    case 'retry':
      return attempt.phase.name === 'offered' && attempt.intent
        ? begin(attempt, { ...attempt.intent, startedAtMs: event.nowMs })
        : attempt
    case 'resume':
      return isUnderWay(attempt) || attempt.phase.name === 'signin'
        ? to(attempt, { name: 'asking' })
        : attempt
    case 'dismiss':
      return ['won', 'refused', 'offered'].includes(attempt.phase.name)
        ? { ...nothing, turn: attempt.turn + 1 }
        : attempt
    case 'unreadable':
      return isUnderWay(attempt) || (attempt.phase.name === 'won' && !isClosed(attempt.phase.purchase))
        ? attempt
        : refuse({ ...nothing, turn: attempt.turn }, 'not_saved')
  }
}

function canTap({ phase }: Attempt): boolean {
  return (
    phase.name === 'idle' || phase.name === 'refused' || (phase.name === 'won' && isClosed(phase.purchase))
  )
}

function begin(attempt: Attempt, intent: Intent): Attempt {
  return { intent, phase: { name: 'saving' }, turn: attempt.turn + 1, failures: 0 }
}

function to(attempt: Attempt, phase: Phase, failures = attempt.failures): Attempt {
  return { ...attempt, phase, turn: attempt.turn + 1, failures }
}

function refuse(attempt: Attempt, code: RefusalCode): Attempt {
  return to(attempt, { name: 'refused', refusal: { code } })
}

function onReply(attempt: Attempt, event: Extract<Event, { type: 'reply' }>): Attempt {
  const { reply, nowMs, dice } = event
  const { name } = attempt.phase
  if (name === 'won')
    return reply.kind === 'won' ? to(attempt, { name: 'won', purchase: reply.purchase }) : attempt
  if (name !== 'sending' && name !== 'asking') return attempt
  switch (reply.kind) {
    case 'won':
      return to(attempt, { name: 'won', purchase: reply.purchase }, 0)
    case 'refused':
      return to(attempt, { name: 'refused', refusal: reply.refusal }, 0)
    case 'signedOut':
      return to(attempt, { name: 'signin' }, 0)
    case 'nothing':
      return name === 'asking' ? sendAgain(attempt, nowMs) : attempt
    case 'later':
      return onLater(attempt, reply, nowMs, dice)
    case 'silent':
      return onSilence(attempt, nowMs, dice)
  }
}

function sendAgain(attempt: Attempt, nowMs: number): Attempt {
  return attempt.intent && isFresh(attempt.intent, nowMs)
    ? to(attempt, { name: 'sending' })
    : to(attempt, { name: 'offered', notBeforeMs: nowMs, why: null }, 0)
}

/** "Not now": what certainly did nothing is sent again; anything else is asked about first. */
function onLater(
  attempt: Attempt,
  reply: Extract<Reply, { kind: 'later' }>,
  nowMs: number,
  dice: number,
): Attempt {
  const failures = attempt.failures + 1
  const isSendNext = attempt.phase.name === 'sending' && reply.isCertain
  const untilMs = nowMs + waitMs(failures, reply.waitMs, dice)
  const limit = reply.limit ? { limit: reply.limit } : {}
  if (isSendNext && !(attempt.intent && isFresh(attempt.intent, untilMs)))
    return to(attempt, { name: 'offered', notBeforeMs: untilMs, why: reply.code }, 0)
  return to(
    attempt,
    { name: 'waiting', untilMs, next: isSendNext ? 'send' : 'ask', why: reply.code, ...limit },
    failures,
  )
}

/** The first silence after a send is asked about at once; then with back-off, since nobody is there. */
function onSilence(attempt: Attempt, nowMs: number, dice: number): Attempt {
  const failures = attempt.failures + 1
  if (attempt.phase.name === 'sending' && failures === 1) return to(attempt, { name: 'asking' }, failures)
  const untilMs = nowMs + waitMs(failures, BACK_OFF_MS, dice)
  return to(attempt, { name: 'waiting', untilMs, next: 'ask', why: 'silent' }, failures)
}

/** The timer says when, not the device's clock, which may have been set back. */
function onWake(attempt: Attempt, nowMs: number): Attempt {
  const { phase } = attempt
  if (phase.name !== 'waiting') return attempt
  return phase.next === 'ask' ? to(attempt, { name: 'asking' }) : sendAgain(attempt, nowMs)
}
