import type { SaleStats } from '@/shared/api/types'

/** One look at a sale. Counters run since the sale began; rates come from the difference of two looks. */
export interface Sample {
  atMs: number
  attempts: number
  accepted: number
  refused: number
  p50Ms: number | null
  p99Ms: number | null
  queueDepth: number
  stockLeft: number
}

/** A point of the charts; null = not known there, the line has a gap. */
export interface Point {
  atMs: number
  attempts: number | null
  accepted: number | null
  refused: number | null
  p50Ms: number | null
  p99Ms: number | null
  queueDepth: number | null
  stockLeft: number | null
}

export const KEEP_MS = 300_000
export const SAMPLES_MAX = 600
/** Rates look back this far, so that a poll that beats with the server's own second does not show as a saw. */
const RATE_SPAN_MS = 2000
/** Longer without a look (a hidden tab, no network): nothing is known in between. */
export const GAP_MS = 5000

export function sampleOf(stats: SaleStats, atMs: number): Sample {
  return {
    atMs,
    attempts: stats.attempts,
    accepted: stats.accepted,
    refused: Object.values(stats.refused).reduce((sum, count) => sum + count, 0),
    p50Ms: stats.p50_ms || null, // 0 = nobody was answered lately
    p99Ms: stats.p99_ms || null,
    queueDepth: stats.queue_depth,
    stockLeft: stats.stock_left,
  }
}

/** A ring: what is older than five minutes falls out, and there are never more than `SAMPLES_MAX`. */
export function pushSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1)
  if (last && sample.atMs <= last.atMs) return samples
  const kept = samples.filter((old) => sample.atMs - old.atMs <= KEEP_MS)
  return [...kept, sample].slice(-SAMPLES_MAX)
}

function rate(before: number, after: number, spanMs: number): number | null {
  // Smaller than before: the counter began anew, nobody knows where between.
  return after < before ? null : ((after - before) * 1000) / spanMs
}

function baseOf(samples: readonly Sample[], index: number): Sample | null {
  const at = samples[index]
  let base: Sample | null = null
  for (let i = index - 1; at && i >= 0; i--) {
    const older = samples[i]
    const newer = base ?? at
    if (!older || newer.atMs - older.atMs > GAP_MS || older.attempts > newer.attempts) break
    base = older
    if (at.atMs - older.atMs >= RATE_SPAN_MS) break
  }
  return base
}

function gapAt(atMs: number): Point {
  return {
    atMs,
    attempts: null,
    accepted: null,
    refused: null,
    p50Ms: null,
    p99Ms: null,
    queueDepth: null,
    stockLeft: null,
  }
}

/** What the charts draw, oldest first, with an empty point wherever there was no look for long. */
export function pointsOf(samples: readonly Sample[]): Point[] {
  const points: Point[] = []
  samples.forEach((sample, index) => {
    const before = samples[index - 1]
    if (before && sample.atMs - before.atMs > GAP_MS) points.push(gapAt(before.atMs + 1))
    const base = baseOf(samples, index)
    const spanMs = base ? sample.atMs - base.atMs : 0
    points.push({
      atMs: sample.atMs,
      attempts: base && rate(base.attempts, sample.attempts, spanMs),
      accepted: base && rate(base.accepted, sample.accepted, spanMs),
      refused: base && rate(base.refused, sample.refused, spanMs),
      p50Ms: sample.p50Ms,
      p99Ms: sample.p99Ms,
      queueDepth: sample.queueDepth,
      stockLeft: sample.stockLeft,
    })
  })
  return points
}

/** The last point of every `stepMs`, newest first: the charts as a table that can be read. */
export function tableOf(points: readonly Point[], stepMs: number, rowsMax: number): Point[] {
  const rows: Point[] = []
  for (const point of [...points].reverse()) {
    if (point.queueDepth === null) continue
    const step = Math.floor(point.atMs / stepMs)
    const newest = rows.at(-1)
    if (!newest || Math.floor(newest.atMs / stepMs) !== step) rows.push(point)
    if (rows.length === rowsMax) break
  }
  return rows
}

export interface Bar {
  name: string
  count: number
  /** Of the largest, 0 to 1. */
  share: number
}

/** Counts by name, largest first; zeros are left out. */
export function barsOf(counts: Record<string, number>): Bar[] {
  const largest = Math.max(0, ...Object.values(counts))
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
    .map(([name, count]) => ({ name, count, share: count / largest }))
}
