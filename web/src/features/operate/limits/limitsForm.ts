import type { Limits, LimitsPatch } from '@/shared/api/types'

export const limitFields = [
  'ip.rate_per_s',
  'ip.burst',
  'user.count',
  'user.window_ms',
  'sale.rate_per_s',
  'sale.burst',
  'global.rate_per_s',
  'global.burst',
] as const
export type LimitField = (typeof limitFields)[number]
/** What is typed; a field that nobody touched is not in it. */
export type Typed = Partial<Record<LimitField, string>>
export type LimitError = 'required' | 'wholeNumber' | 'limitValue' | 'window'

const VALUE_MAX = 100_000_000
const WINDOW_MAX_MS = 3_600_000
/** The contract's promise to shoppers: at least 50 attempts per second. */
const FAIR_PER_S = 50

export function numberIn(limits: Limits, field: LimitField): number {
  switch (field) {
    case 'user.count':
      return limits.user.count
    case 'user.window_ms':
      return limits.user.window_ms
    default: {
      const [level, name] = field.split('.') as ['ip' | 'sale' | 'global', 'rate_per_s' | 'burst']
      return limits[level][name]
    }
  }
}

export function readLimit(field: LimitField, text: string): { value: number } | { error: LimitError } {
  const trimmed = text.trim()
  if (trimmed === '') return { error: 'required' }
  if (!/^\d+$/.test(trimmed)) return { error: 'wholeNumber' }
  const value = Number(trimmed)
  if (field === 'user.window_ms')
    return value >= 1 && value <= WINDOW_MAX_MS ? { value } : { error: 'window' }
  return value <= VALUE_MAX ? { value } : { error: 'limitValue' }
}

export interface Change {
  field: LimitField
  from: number
  to: number
}

/** What is different from what is in force, and what cannot be sent. */
export function changesOf(
  limits: Limits,
  typed: Typed,
): { changes: Change[]; errors: Partial<Record<LimitField, LimitError>> } {
  const changes: Change[] = []
  const errors: Partial<Record<LimitField, LimitError>> = {}
  for (const field of limitFields) {
    const text = typed[field]
    if (text === undefined) continue
    const reading = readLimit(field, text)
    const from = numberIn(limits, field)
    if ('error' in reading) errors[field] = reading.error
    else if (reading.value !== from) changes.push({ field, from, to: reading.value })
  }
  return { changes, errors }
}

export function patchOf(changes: readonly Change[]): LimitsPatch {
  const patch: Record<string, Record<string, number>> = {}
  for (const { field, to } of changes) {
    const [level = '', name = ''] = field.split('.')
    patch[level] = { ...patch[level], [name]: to }
  }
  return patch
}

export const levels = ['ip', 'user', 'sale', 'global'] as const
export type Level = (typeof levels)[number]
/** The number in a field. */
export type Values = (field: LimitField) => number

export function inForce(limits: Limits): Values {
  return (field) => numberIn(limits, field)
}

/** What would be in force after "Apply". */
export function afterwards(limits: Limits, typed: Typed): Values {
  return (field) => {
    const reading = readLimit(field, typed[field] ?? '')
    return 'value' in reading ? reading.value : numberIn(limits, field)
  }
}

/** What a level lets through per second; 0 = everything. */
function rateOf(level: Level, values: Values): number {
  if (level !== 'user') return values(`${level}.rate_per_s`)
  return (values('user.count') * 1000) / Math.max(1, values('user.window_ms'))
}

/** A limit where there was none, or less than a tenth of what is let through now: a slip of a digit could shut the shop. */
export function cutOf(level: Level, before: Values, after: Values): 'first' | 'tenth' | null {
  const [from, to] = [rateOf(level, before), rateOf(level, after)]
  if (to === 0) return null
  if (from === 0) return 'first'
  return to * 10 < from ? 'tenth' : null
}

export type LimitWarning = 'unlimited' | 'burstOne' | 'strict' | 'first' | 'tenth'

/** What is allowed and easily meant otherwise. */
export function warningOf(field: LimitField, before: Values, after: Values): LimitWarning | null {
  const value = after(field)
  const cut = field.endsWith('burst') ? null : cutOf(field.split('.')[0] as Level, before, after)
  if (cut && value !== before(field)) return cut
  if (field.endsWith('rate_per_s') || field === 'user.count') {
    if (value === 0) return 'unlimited'
    return field === 'user.count' && rateOf('user', after) < FAIR_PER_S ? 'strict' : null
  }
  const rate = field.replace('burst', 'rate_per_s') as LimitField
  return field.endsWith('burst') && value === 0 && after(rate) > 0 ? 'burstOne' : null
}
