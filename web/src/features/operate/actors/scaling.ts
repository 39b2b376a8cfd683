import type { ActorKind } from '@/shared/api/types'

export const COUNT_MAX = 64

/** Brokers carry every message, so the system refuses to be without; without an edge nobody, this page included, could ask for one again. */
const countMin: Partial<Record<ActorKind, number>> = { broker: 1, edge: 1 }

export function minOf(kind: ActorKind): number {
  return countMin[kind] ?? 0
}

export type CountReading = { value: number } | { error: 'required' | 'count' | 'needsOne' }

export function readCount(text: string, kind: ActorKind): CountReading {
  const trimmed = text.trim()
  if (trimmed === '') return { error: 'required' }
  if (!/^\d{1,9}$/.test(trimmed) || Number(trimmed) > COUNT_MAX) return { error: 'count' }
  const value = Number(trimmed)
  return value < minOf(kind) ? { error: 'needsOne' } : { value }
}

export type Scaling = 'same' | 'out' | 'in' | 'none'

/** What a new number means: nothing, more processes, fewer, or none at all, which must be confirmed. */
export function scalingOf(present: number, wanted: number): Scaling {
  if (wanted === present) return 'same'
  if (wanted === 0) return 'none'
  return wanted > present ? 'out' : 'in'
}

/** The number that − and + lead to, within what is allowed. */
export function stepCount(text: string, kind: ActorKind, by: 1 | -1, present: number): string {
  const reading = readCount(text, kind)
  const from = 'value' in reading ? reading.value : present
  return String(Math.min(COUNT_MAX, Math.max(minOf(kind), from + by)))
}
