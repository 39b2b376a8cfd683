/** The world of an attempt: IndexedDB, the network, timers, a lock and a channel between the tabs. */
import { deleteAttempt, getAttempt, putAttempt } from '@/shared/lib/storage'
import { getPurchase } from './api/getPurchase'
import { sendPurchase } from './api/sendPurchase'
import type { AttemptIo } from './attemptIo'
import type { Attempt } from './model'

const WAIT_MAX_MS = 2_000_000_000 // what setTimeout can

export const channelName = 'minishop.attempts'

export function attemptId(userId: string, saleId: string): string {
  return `${userId}:${saleId}`
}

/** What is on disk may be of another version of the pages, or another shopper's. */
export function isAttempt(value: unknown, userId: string): value is Attempt {
  if (typeof value !== 'object' || value === null || !('intent' in value) || !('phase' in value)) return false
  const { intent, phase } = value
  if (typeof phase !== 'object' || phase === null || !('name' in phase) || typeof phase.name !== 'string')
    return false
  return typeof intent === 'object' && intent !== null && 'userId' in intent && intent.userId === userId
}

export function makeAttemptIo(userId: string, saleId: string, tell: (id: string) => void): AttemptIo {
  const id = attemptId(userId, saleId)
  return {
    put: (attempt) => putAttempt(id, attempt),
    get: async () => {
      const kept = await getAttempt(id)
      return isAttempt(kept, userId) ? kept : null
    },
    remove: () => deleteAttempt(id),
    send: sendPurchase,
    ask: getPurchase,
    nowMs: () => Date.now(),
    dice: () => Math.random(),
    isHidden: () => document.hidden,
    later: (waitMs, wake) => {
      const timer = setTimeout(wake, Math.min(WAIT_MAX_MS, Math.max(0, Math.ceil(waitMs))))
      return () => clearTimeout(timer)
    },
    alone: (isPatient, drive) => alone(`minishop.attempt.${id}`, isPatient, drive),
    tell: () => tell(id),
  }
}

const busy = new Set<string>()

/** Without Web Locks (plain HTTP on a foreign host) only this tab's own attempts exclude each other; the key still makes a second buy impossible. */
async function alone(name: string, isPatient: boolean, drive: () => Promise<void>): Promise<boolean> {
  if ('locks' in navigator) {
    return navigator.locks.request(name, { ifAvailable: !isPatient }, async (lock) => {
      if (lock) await drive()
      return lock !== null
    })
  }
  if (busy.has(name)) return false
  busy.add(name)
  try {
    await drive()
    return true
  } finally {
    busy.delete(name)
  }
}
