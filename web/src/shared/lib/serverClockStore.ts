import { anonymous, request } from '@/shared/api/client'
import { ApiError } from '@/shared/api/error'
import { create } from 'zustand'
import { nextPollMs } from './pacing'
import {
  betterEstimate,
  clockErrorMs,
  doubtEstimate,
  estimateClock,
  hasSlept,
  serverNowMs,
  wallJumpMs,
  type ClockEstimate,
  type Sample,
} from './serverClock'

const SAMPLES = 5
const RESAMPLE_MS = 60_000
const AGAIN_MS = 3000
const TIMEOUT_MS = 3000
const LOOK_MS = 1000

interface ClockState {
  estimate: ClockEstimate | null
}

export const useServerClock = create<ClockState>(() => ({ estimate: null }))

/** Server time in ms since 1970; the device's own until the first sample is there. */
export function nowMs(): number {
  const { estimate } = useServerClock.getState()
  return estimate ? serverNowMs(estimate, performance.now()) : Date.now()
}

export interface ClockReading {
  offsetMs: number
  errorMs: number
  samples: number
  /** Device clock minus server clock. */
  deviceAheadMs: number
}

/** What is known about the clock at this moment; null before the first sample. */
export function readClock(): ClockReading | null {
  const { estimate } = useServerClock.getState()
  if (!estimate) return null
  const monotonicMs = performance.now()
  return {
    offsetMs: estimate.offsetMs,
    errorMs: clockErrorMs(estimate, monotonicMs),
    samples: estimate.samples,
    deviceAheadMs: Date.now() - serverNowMs(estimate, monotonicMs),
  }
}

/**
 * Calls `reached` once the server's clock shows `ms`, never before. Looks again every second, so that sleep, a better estimate and a
 * throttled tab only matter until the next look.
 * @returns what cancels it
 */
export function atServerTime(ms: number, reached: () => void): () => void {
  let timer = 0
  const look = (): void => {
    const leftMs = useServerClock.getState().estimate ? ms - nowMs() : LOOK_MS
    if (leftMs <= 0) reached()
    else timer = window.setTimeout(look, Math.ceil(Math.min(leftMs, LOOK_MS)))
  }
  look()
  return () => window.clearTimeout(timer)
}

/** ms until the clock is measured again. @param failures in a row */
export function nextSampleMs(failures: number, retryAfterMs: number, dice: number): number {
  const floorMs = failures === 0 ? RESAMPLE_MS : AGAIN_MS
  return nextPollMs({ floorMs, retryAfterMs, failures: Math.max(0, failures - 1) }, dice)
}

async function takeSample(): Promise<Sample> {
  const sentMs = performance.now()
  const { now_ms } = await request<{ now_ms: number }>({ url: '/time', timeout: TIMEOUT_MS, ...anonymous })
  return { sentMs, receivedMs: performance.now(), serverMs: now_ms }
}

/**
 * Keeps the estimate fresh while `running`: several samples at the start, every minute, after sleep and when the page is shown again.
 * @returns what ends it
 */
export function runServerClock(): () => void {
  let isEnded = false
  let isSampling = false
  let timer = 0
  let failures = 0
  let notBeforeMs = 0
  let seen = { wallMs: Date.now(), monotonicMs: performance.now() }

  async function sample(): Promise<void> {
    if (isSampling || isEnded || document.hidden || performance.now() < notBeforeMs) return
    isSampling = true
    window.clearTimeout(timer)
    const before = useServerClock.getState().estimate
    const samples: Sample[] = []
    let retryAfterMs = 0
    try {
      while (samples.length < SAMPLES) {
        samples.push(await takeSample())
        // The first sample shows at once; better ones replace it.
        const fresh = estimateClock(samples)
        if (fresh) useServerClock.setState({ estimate: betterEstimate(before, fresh, performance.now()) })
      }
    } catch (error) {
      // offline or refused: the old estimate stays, its error grows
      retryAfterMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
    }
    isSampling = false
    failures = samples.length > 0 ? 0 : failures + 1
    notBeforeMs = performance.now() + retryAfterMs
    timer = window.setTimeout(() => void sample(), nextSampleMs(failures, retryAfterMs, Math.random())) // does nothing once ended
  }

  const watch = window.setInterval(() => {
    const now = { wallMs: Date.now(), monotonicMs: performance.now() }
    if (hasSlept(seen, now)) {
      const { estimate } = useServerClock.getState()
      if (estimate) useServerClock.setState({ estimate: doubtEstimate(estimate, wallJumpMs(seen, now)) })
      void sample()
    }
    seen = now
  }, LOOK_MS)
  const onShown = (): void => {
    if (!document.hidden) void sample()
  }
  document.addEventListener('visibilitychange', onShown)
  window.addEventListener('online', onShown)
  void sample()
  return () => {
    isEnded = true
    window.clearTimeout(timer)
    window.clearInterval(watch)
    document.removeEventListener('visibilitychange', onShown)
    window.removeEventListener('online', onShown)
  }
}
