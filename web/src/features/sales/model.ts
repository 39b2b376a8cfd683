/** What a sale is to a shopper at a moment: pure. */
import { isWorthARetry, type ApiError } from '@/shared/api/error'
import { nextPollMs, steadyDice } from '@/shared/lib/pacing'
import type { Sale, SaleState } from '@/shared/api/types'

export type Group = 'live' | 'soon' | 'soldOut' | 'ended'
export const groups: readonly Group[] = ['live', 'soon', 'soldOut', 'ended']

const groupOfState: Record<SaleState, Group> = {
  live: 'live',
  paused: 'live',
  scheduled: 'soon',
  sold_out: 'soldOut',
  ended: 'ended',
}

/**
 * The state at a moment: sales open and close by themselves at their times, so that nobody waits for an answer to see it.
 * @param nowMs by the server's clock; null = not known yet, then the server's last word stands
 */
export function stateAt(
  sale: Pick<Sale, 'state' | 'starts_at_ms' | 'ends_at_ms' | 'stock_left'>,
  nowMs: number | null,
): SaleState {
  if (nowMs === null || sale.state === 'ended') return sale.state
  if (nowMs >= sale.ends_at_ms) return 'ended'
  if (sale.state === 'scheduled' && nowMs >= sale.starts_at_ms)
    return sale.stock_left > 0 ? 'live' : 'sold_out'
  return sale.state
}

/** The next moment at which `stateAt` may change by itself; null = never. */
export function nextChangeMs(
  sale: Pick<Sale, 'state' | 'starts_at_ms' | 'ends_at_ms'>,
  nowMs: number | null,
): number | null {
  if (sale.state === 'ended') return null
  if (sale.state === 'scheduled' && (nowMs === null || nowMs < sale.starts_at_ms)) return sale.starts_at_ms
  return nowMs === null || nowMs < sale.ends_at_ms ? sale.ends_at_ms : null
}

/** Sales by group: what opens next comes first, the others as the server has them (newest first). */
export function groupSales(sales: readonly Sale[], nowMs: number | null): Record<Group, Sale[]> {
  const grouped: Record<Group, Sale[]> = { live: [], soon: [], soldOut: [], ended: [] }
  const seen = new Set<string>()
  for (const sale of sales) {
    if (seen.has(sale.sale_id)) continue // a page moved on between two questions
    seen.add(sale.sale_id)
    grouped[groupOfState[stateAt(sale, nowMs)]].push(sale)
  }
  grouped.soon.sort((a, b) => a.starts_at_ms - b.starts_at_ms)
  return grouped
}

/** Whole percent under the list price; null = nothing worth naming. */
export function savingPercent(priceCents: number, listPriceCents: number | null): number | null {
  if (listPriceCents === null || listPriceCents <= priceCents) return null
  const percent = Math.floor(((listPriceCents - priceCents) / listPriceCents) * 100)
  return percent > 0 ? percent : null
}

/** Share of the stock that is left, 0 to 1; what is left never looks like nothing. */
export function stockShare(left: number, total: number): number {
  if (total <= 0 || left <= 0) return 0
  return Math.max(0.02, Math.min(1, left / total))
}

const FIRST_POLL_MS = 3000
const LIST_POLL_MS = 6000
const FAR_MS = 120_000
const FAR_POLL_MS = 20_000
const NEAR_POLL_MS = 5000
const AFTER_OPENING_MS = 300
const polls: Record<SaleState, number> = {
  scheduled: NEAR_POLL_MS,
  live: 1500,
  paused: 3000,
  sold_out: 5000,
  ended: 60_000,
}
/** Failures in a row are counted by the query itself up to its retries; after them a poll is this many doublings slower. */
const FAILED_DOUBLINGS = 3

export interface PollState {
  maxAgeMs: number
  retryAfterMs: number
  hasFailed: boolean
  /** Rises with every answer. */
  turn: number
}

/**
 * ms until the first answer is asked for again; false = the answer would be the same.
 * @param failures questions in a row that failed, with all their retries
 */
export function firstPollMs(error: ApiError | null, failures: number): number | false {
  if (!error || !isWorthARetry(error)) return false
  return nextPollMs(
    { floorMs: FIRST_POLL_MS, retryAfterMs: error.retryAfterMs ?? 0, failures: Math.max(0, failures - 1) },
    steadyDice(failures),
  )
}

/** ms until a list is asked for again; a list of several pages is several questions. */
export function listPollMs(poll: PollState, pages: number): number {
  return pace(LIST_POLL_MS * Math.max(1, pages), poll)
}

/** ms until a sale is asked for again. Seconds before the opening nothing new is to be learned: the next question is just after it. */
export function salePollMs(
  sale: Pick<Sale, 'state' | 'starts_at_ms'>,
  answeredAtMs: number,
  poll: PollState,
): number {
  const leftMs = sale.starts_at_ms - answeredAtMs
  if (sale.state !== 'scheduled' || poll.hasFailed) return pace(polls[sale.state], poll)
  const wishMs = pace(leftMs > FAR_MS ? FAR_POLL_MS : NEAR_POLL_MS, poll)
  const openingMs = leftMs + AFTER_OPENING_MS + steadyDice(poll.turn) * 1000
  return leftMs > 0 && openingMs < wishMs ? Math.max(openingMs, poll.maxAgeMs) : wishMs
}

function pace(floorMs: number, { maxAgeMs, retryAfterMs, hasFailed, turn }: PollState): number {
  return nextPollMs(
    { floorMs, maxAgeMs, retryAfterMs, failures: hasFailed ? FAILED_DOUBLINGS : 0 },
    steadyDice(turn),
  )
}
