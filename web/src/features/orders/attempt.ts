/** A payment that was begun and not answered: key and choice are on disk before they are sent, so that trying again is the same payment. */
import { ApiError } from '@/shared/api/error'
import { sessionHint } from '@/shared/api/sessionHint'
import { deleteAttempt, getAttempt, putAttempt } from '@/shared/lib/storage'

export type Outcome = 'succeed' | 'decline' | 'hang'

export interface PaymentAttempt {
  key: string
  outcome: Outcome
}

function isAttempt(value: unknown): value is PaymentAttempt {
  return (
    typeof value === 'object' &&
    value !== null &&
    'key' in value &&
    typeof value.key === 'string' &&
    'outcome' in value &&
    (value.outcome === 'succeed' || value.outcome === 'decline' || value.outcome === 'hang')
  )
}

/** One record per shopper and order, so that payments do not meet in it; all are gone at log-out. */
function recordOf(orderId: string): string {
  return `payment:${sessionHint.userId() ?? ''}:${orderId}`
}

export async function keptAttempt(orderId: string): Promise<PaymentAttempt | null> {
  const attempt = await getAttempt(recordOf(orderId)).catch(() => null)
  return isAttempt(attempt) ? attempt : null
}

/** The browser could not keep the attempt, so it was not sent. */
export class NotKept extends ApiError {
  constructor() {
    super('malformed', 0, null, null)
  }
}

/**
 * The attempt to send for a tap: the one that is kept, if an earlier tap, in any tab, was not answered; else this one, once it is on disk.
 * @throws NotKept
 */
export async function beginAttempt(orderId: string, fresh: PaymentAttempt): Promise<PaymentAttempt> {
  const record = recordOf(orderId)
  try {
    const kept = await getAttempt(record)
    if (isAttempt(kept)) return kept
    await putAttempt(record, fresh)
    return fresh
  } catch {
    throw new NotKept()
  }
}

/** Only the attempt with this key: a late answer to an older one leaves the newer one alone. */
export async function forgetAttempt(orderId: string, key: string): Promise<void> {
  const record = recordOf(orderId)
  const kept = await getAttempt(record).catch(() => null)
  if (isAttempt(kept) && kept.key === key) await deleteAttempt(record).catch(() => undefined)
}

/** True if the payment may have been begun, or may yet be by the same key: try again. False: it was refused for good. */
export function isUndecided(error: ApiError): boolean {
  if (error instanceof NotKept) return false
  if (error.kind !== 'problem') return true
  return (error.problem?.retryable ?? false) || error.status >= 500 || error.status === 401
}
