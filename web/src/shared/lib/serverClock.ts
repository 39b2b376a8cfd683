/**
 * The server's clock, as far as this device can know it. A sample is one answer of `GET /time`: the server read its clock somewhere between
 * sending and receiving, so the middle is off by at most half the round trip. Of several samples the shortest trip is the best; the error
 * bound grows with the age of the sample, since no two clocks run alike.
 *
 * Everything is on the browser's monotonic clock, so a wrong or changed device clock makes no difference. That clock may stand still while
 * the device sleeps: `hasSlept` compares it with the wall clock, whose jump then means that new samples are needed.
 */
export interface Sample {
  /** Monotonic ms (performance.now ()). */
  sentMs: number
  receivedMs: number
  /** Milliseconds since 1970 by the server. */
  serverMs: number
}

export interface ClockEstimate {
  /** server = monotonic + offset */
  offsetMs: number
  /** Half the best round trip and the server's own error: ± this, at `atMs`. */
  errorMs: number
  /** Monotonic ms of the best sample. */
  atMs: number
  samples: number
}

const SERVER_ERROR_MS = 5 // GET /time promises it
const DRIFT_PPM = 100
const SLEEP_MS = 500

export function estimateClock(samples: readonly Sample[]): ClockEstimate | null {
  let best: Sample | null = null
  for (const sample of samples)
    if (!best || sample.receivedMs - sample.sentMs < best.receivedMs - best.sentMs) best = sample
  if (!best) return null
  const middleMs = (best.sentMs + best.receivedMs) / 2
  return {
    offsetMs: best.serverMs - middleMs,
    errorMs: (best.receivedMs - best.sentMs) / 2 + SERVER_ERROR_MS,
    atMs: best.receivedMs,
    samples: samples.length,
  }
}

export function serverNowMs(estimate: ClockEstimate, monotonicMs: number): number {
  return monotonicMs + estimate.offsetMs
}

/** ± ms at a later moment. */
export function clockErrorMs(estimate: ClockEstimate, monotonicMs: number): number {
  return estimate.errorMs + (Math.max(0, monotonicMs - estimate.atMs) * DRIFT_PPM) / 1_000_000
}

/**
 * Which estimate to go on with. An old one with the shorter trip stays as long as both can be true; if they contradict each other, one of the
 * clocks was set or stood still, and the new one is right.
 */
export function betterEstimate(
  old: ClockEstimate | null,
  fresh: ClockEstimate,
  monotonicMs: number,
): ClockEstimate {
  if (!old) return fresh
  const oldErrorMs = clockErrorMs(old, monotonicMs)
  const freshErrorMs = clockErrorMs(fresh, monotonicMs)
  const isContradiction = Math.abs(old.offsetMs - fresh.offsetMs) > oldErrorMs + freshErrorMs
  if (isContradiction || freshErrorMs <= oldErrorMs) return fresh
  return { ...old, samples: old.samples + fresh.samples }
}

/** After sleep: the monotonic clock may have stood still for as long as the wall clock jumped, so that the old estimate is off by up to that. */
export function doubtEstimate(estimate: ClockEstimate, jumpMs: number): ClockEstimate {
  return { ...estimate, errorMs: estimate.errorMs + Math.abs(jumpMs) }
}

/** ms the wall clock moved against the monotonic one since `before`. */
export function wallJumpMs(
  before: { wallMs: number; monotonicMs: number },
  now: { wallMs: number; monotonicMs: number },
): number {
  return now.wallMs - before.wallMs - (now.monotonicMs - before.monotonicMs)
}

/** True if the wall clock moved against the monotonic one since `before`: the device slept, or its clock was set. */
export function hasSlept(
  before: { wallMs: number; monotonicMs: number },
  now: { wallMs: number; monotonicMs: number },
): boolean {
  return Math.abs(wallJumpMs(before, now)) > SLEEP_MS
}
