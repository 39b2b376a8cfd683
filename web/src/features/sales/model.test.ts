/** A sale is what its times say by the server's clock; polls obey the server and cost little when nothing can happen. */
import { ApiError } from '@/shared/api/error'
import type { Sale, SaleState } from '@/shared/api/types'
import { describe, expect, it } from 'vitest'
import { artOf, motifs } from './art'
import { deviceDifference, spanOf } from './clock'
import {
  firstPollMs,
  groupSales,
  listPollMs,
  nextChangeMs,
  salePollMs,
  savingPercent,
  stateAt,
  stockShare,
} from './model'

const OPENS = 100_000
const CLOSES = 200_000

function sale(state: SaleState, over: Partial<Sale> = {}): Sale {
  return {
    sale_id: '1',
    product_id: '',
    title: 'A',
    description: '',
    image_url: '',
    price_cents: 100,
    list_price_cents: null,
    currency: 'EUR',
    stock_total: 10,
    stock_left: 10,
    starts_at_ms: OPENS,
    ends_at_ms: CLOSES,
    state,
    per_user_limit: 1,
    pay_within_s: 900,
    ...over,
  }
}

describe('a first answer that failed', () => {
  const away = new ApiError('network', 0, null, null)
  it('is asked for again with back-off, not before the server allows', () => {
    const waits = [1, 2, 3, 12].map((failures) => Number(firstPollMs(away, failures)))
    for (const [index, floor] of [3000, 6000, 12_000, 60_000].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(floor)
      expect(waits[index]).toBeLessThanOrEqual(floor * 1.2)
    }
    expect(firstPollMs(new ApiError('malformed', 503, null, 90_000), 1)).toBeGreaterThanOrEqual(90_000)
  })

  it('is not asked for if the answer would be the same, or none failed', () => {
    expect(firstPollMs(new ApiError('malformed', 404, null, null), 1)).toBe(false)
    expect(firstPollMs(null, 0)).toBe(false)
  })
})

describe('the state at a moment', () => {
  const table: [SaleState, number | null, SaleState][] = [
    ['scheduled', null, 'scheduled'],
    ['scheduled', OPENS - 1, 'scheduled'],
    ['scheduled', OPENS, 'live'],
    ['scheduled', CLOSES, 'ended'],
    ['live', null, 'live'],
    ['live', OPENS - 1, 'live'],
    ['live', CLOSES - 1, 'live'],
    ['live', CLOSES, 'ended'],
    ['paused', CLOSES - 1, 'paused'],
    ['paused', CLOSES, 'ended'],
    ['sold_out', CLOSES - 1, 'sold_out'],
    ['sold_out', CLOSES, 'ended'],
    ['ended', OPENS, 'ended'],
  ]
  it.each(table)('%s at %s is %s', (state, now, expected) => {
    expect(stateAt(sale(state), now)).toBe(expected)
  })

  it('a sale without stock opens as sold out', () => {
    expect(stateAt(sale('scheduled', { stock_left: 0 }), OPENS)).toBe('sold_out')
  })

  it('changes exactly at the announced next change, and at no moment between', () => {
    for (const state of ['scheduled', 'live', 'paused', 'sold_out', 'ended'] as const) {
      let now = OPENS - 10
      for (let guard = 0; guard < 3; guard++) {
        const change = nextChangeMs(sale(state), now)
        if (change === null) break
        expect(change).toBeGreaterThan(now)
        expect(stateAt(sale(state), change - 1)).toBe(stateAt(sale(state), now))
        expect(stateAt(sale(state), change)).not.toBe(stateAt(sale(state), now))
        now = change
      }
      expect(nextChangeMs(sale(state), now)).toBeNull()
    }
  })
})

describe('groups', () => {
  it('what opens next comes first; paused stands with the open ones; nothing is shown twice', () => {
    const sales = [
      sale('scheduled', { sale_id: '9', starts_at_ms: OPENS + 5 }),
      sale('scheduled', { sale_id: '8', starts_at_ms: OPENS + 1 }),
      sale('paused', { sale_id: '7' }),
      sale('live', { sale_id: '6' }),
      sale('live', { sale_id: '6' }),
      sale('sold_out', { sale_id: '5' }),
      sale('ended', { sale_id: '4' }),
    ]
    const ids = Object.fromEntries(
      Object.entries(groupSales(sales, OPENS)).map(([group, list]) => [
        group,
        list.map((one) => one.sale_id),
      ]),
    )
    expect(ids).toEqual({ live: ['7', '6'], soon: ['8', '9'], soldOut: ['5'], ended: ['4'] })
  })
})

describe('numbers', () => {
  it('savings are rounded down and never invented', () => {
    expect(savingPercent(5900, 12_900)).toBe(54)
    expect(savingPercent(100, 100)).toBeNull()
    expect(savingPercent(100, 90)).toBeNull()
    expect(savingPercent(999, 1000)).toBeNull()
    expect(savingPercent(0, 1000)).toBe(100)
    expect(savingPercent(100, null)).toBeNull()
  })

  it('one of a million left is seen, none is none', () => {
    expect(stockShare(1, 1_000_000)).toBe(0.02)
    expect(stockShare(0, 10)).toBe(0)
    expect(stockShare(12, 10)).toBe(1)
    expect(stockShare(0, 0)).toBe(0)
  })

  it('the device’s clock in words', () => {
    expect(deviceDifference(7, 8)).toBe('same')
    expect(deviceDifference(9, 8)).toBe('ahead')
    expect(deviceDifference(-9, 8)).toBe('behind')
    expect(spanOf(412)).toEqual({ unit: 'ms', value: 412 })
    expect(spanOf(61_250)).toEqual({ unit: 's', value: 61.3 })
    expect(spanOf(3_600_000)).toEqual({ unit: 'min', value: 60 })
  })
})

describe('polls', () => {
  const calm = { maxAgeMs: 1000, retryAfterMs: 0, hasFailed: false, turn: 1 }

  it('a list costs a question in 5 s or less often, and per page', () => {
    expect(listPollMs(calm, 1)).toBeGreaterThanOrEqual(5000)
    expect(listPollMs(calm, 4)).toBeGreaterThanOrEqual(20_000)
  })

  it('a live sale is asked about every 1 to 2 s, a far one 15 s apart or more', () => {
    for (let turn = 0; turn < 50; turn++) {
      const live = salePollMs(sale('live'), OPENS + 5, { ...calm, turn })
      expect(live).toBeGreaterThanOrEqual(1000)
      expect(live).toBeLessThanOrEqual(2000)
      expect(
        salePollMs(sale('scheduled', { starts_at_ms: OPENS * 100 }), OPENS, { ...calm, turn }),
      ).toBeGreaterThanOrEqual(15_000)
    }
  })

  it('seconds before the opening the next question is spread over the second after it', () => {
    const waits = Array.from({ length: 50 }, (_, turn) =>
      salePollMs(sale('scheduled'), OPENS - 2000, { ...calm, turn }),
    )
    for (const wait of waits) {
      expect(wait).toBeGreaterThanOrEqual(2300)
      expect(wait).toBeLessThanOrEqual(3300)
    }
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(500)
  })

  it('max-age and Retry-After are never undercut, and failures slow down', () => {
    for (const state of ['scheduled', 'live', 'paused', 'sold_out', 'ended'] as const) {
      expect(salePollMs(sale(state), OPENS - 500, { ...calm, maxAgeMs: 70_000 })).toBeGreaterThanOrEqual(
        70_000,
      )
      expect(
        salePollMs(sale(state), OPENS - 500, { ...calm, retryAfterMs: 80_000, hasFailed: true }),
      ).toBeGreaterThanOrEqual(80_000)
      expect(salePollMs(sale(state), OPENS + 500, { ...calm, hasFailed: true })).toBeGreaterThanOrEqual(
        10_000,
      )
    }
  })
})

describe('drawings', () => {
  it('are the same for the same sale, differ between sales, and every motif comes up', () => {
    expect(artOf('1', 'A')).toEqual(artOf('1', 'A'))
    const many = Array.from({ length: 200 }, (_, index) => artOf(String(index), `Sale ${index}`))
    expect(new Set(many.map((art) => art.motif)).size).toBe(motifs.length)
    for (const { colours } of many) expect(new Set(colours).size).toBe(3)
  })
})
