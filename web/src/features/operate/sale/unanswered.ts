import { ApiError } from '@/shared/api/error'
import type { Sending } from './stockChange'

const PREFIX = 'minishop.stock.'
/** Where the browser keeps nothing: for as long as the page lives. */
const memory = new Map<string, string>()

function read(saleId: string): string | null {
  try {
    return sessionStorage.getItem(PREFIX + saleId)
  } catch {
    return memory.get(saleId) ?? null
  }
}

function write(saleId: string, list: readonly Sending[]): void {
  const text = JSON.stringify(list)
  try {
    sessionStorage.setItem(PREFIX + saleId, text)
  } catch {
    memory.set(saleId, text)
  }
}

/** Changes of a sale's stock that were sent and of which nobody knows what became; newest last. They outlive the dialog and a reload. */
export function unansweredOf(saleId: string): Sending[] {
  return JSON.parse(read(saleId) ?? '[]') as Sending[]
}

/** Before it is sent. */
export function remember(saleId: string, sending: Sending): void {
  write(saleId, [...unansweredOf(saleId).filter(({ key }) => key !== sending.key), sending])
}

/** The server has said what became of it: what is sent next is a new change, even if it looks the same. */
export function forget(saleId: string, sending: Sending): void {
  write(
    saleId,
    unansweredOf(saleId).filter(({ key }) => key !== sending.key),
  )
}

/**
 * Whether a refusal is the last word on the change. One that is about the caller or the moment is not: it says nothing about what an earlier
 * sending of the same change did.
 */
export function isFinal(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.kind !== 'problem' || error.problem?.retryable) return false
  return error.status >= 400 && error.status < 500 && ![401, 403, 408, 429].includes(error.status)
}
