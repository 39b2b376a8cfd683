/** A payment that was begun and not answered: key and choice are on disk before they are sent, so that trying again is the same payment. */
import { ApiError } from '@/shared/api/error'
import { del, get, set } from '@/shared/lib/storage'

export type Outcome = 'succeed' | 'decline' | 'hang'

export interface PaymentAttempt {
  key: string
  outcome: Outcome
}

const STORE = 'payments' // one text of all orders; gone at log-out

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

async function all(): Promise<Map<string, unknown>> {
  try {
    const kept: unknown = JSON.parse((await get(STORE)) ?? '{}')
    return new Map(Object.entries(kept as Record<string, unknown>))
  } catch {
    return new Map()
  }
}

async function write(attempts: Map<string, unknown>): Promise<void> {
  if (attempts.size === 0) await del(STORE)
  else await set(STORE, JSON.stringify(Object.fromEntries(attempts)))
}

export async function keptAttempt(orderId: string): Promise<PaymentAttempt | null> {
  const attempt = (await all()).get(orderId)
  return isAttempt(attempt) ? attempt : null
}

/** Resolves when it is on disk: only then may it be sent. */
export async function keepAttempt(orderId: string, attempt: PaymentAttempt): Promise<void> {
  await write((await all()).set(orderId, attempt))
}

export async function forgetAttempt(orderId: string): Promise<void> {
  const attempts = await all()
  if (attempts.delete(orderId)) await write(attempts)
}

/** True if the payment may have been begun, or may yet be by the same key: try again. False: it was refused for good. */
export function isUndecided(error: ApiError): boolean {
  if (error.kind !== 'problem') return true
  return (error.problem?.retryable ?? false) || error.status >= 500 || error.status === 401
}
