import type { OperatorSale } from '../api/types'

export type OperatorState = OperatorSale['state']
export type Step = 'publish' | 'pause' | 'resume' | 'end'

const steps: Record<OperatorState, readonly Step[]> = {
  draft: ['publish', 'end'],
  scheduled: ['pause', 'end'],
  live: ['pause', 'end'],
  sold_out: ['pause', 'end'],
  paused: ['resume', 'end'],
  ended: [],
}

/** What an operator can do with a sale, the usual thing first. */
export function stepsOf(state: OperatorState): readonly Step[] {
  return steps[state]
}

/** Publishing and ending cannot be taken back; pausing in an emergency must not need a second tap. */
export function isFinal(step: Step): boolean {
  return step === 'publish' || step === 'end'
}

export function canChangeStock(state: OperatorState): boolean {
  return state !== 'ended'
}

export const saleFields = [
  'title',
  'description',
  'image_url',
  'product_id',
  'price',
  'list_price',
  'currency',
  'stock_total',
  'starts_at',
  'ends_at',
  'per_user_limit',
  'pay_within_s',
] as const
export type SaleField = (typeof saleFields)[number]

const whileLive: ReadonlySet<SaleField> = new Set(['title', 'description', 'image_url', 'price', 'ends_at'])

/** Why a field cannot be changed; null = it can. */
export function lockOf(field: SaleField, state: OperatorState | 'new'): 'live' | 'ended' | null {
  if (state === 'new' || state === 'draft') return null
  if (state === 'ended') return 'ended'
  return whileLive.has(field) ? null : 'live'
}

const columns: Record<string, SaleField> = {
  price_cents: 'price',
  list_price_cents: 'list_price',
  starts_at_ms: 'starts_at',
  ends_at_ms: 'ends_at',
}

/** The field that the server means with `invalid_field`: its detail begins with the name in quotes. */
export function fieldOfDetail(detail: string): SaleField | null {
  const name = /"([a-z_]+)"/.exec(detail)?.[1] ?? ''
  const field = columns[name] ?? name
  return saleFields.find((known) => known === field) ?? null
}
