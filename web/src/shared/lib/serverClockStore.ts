import { request } from '@/shared/api/client'
import { create } from 'zustand'
import { estimateClock, hasSlept, serverNowMs, type ClockEstimate, type Sample } from './serverClock'

const SAMPLES = 5
const RESAMPLE_MS = 60_000
const AGAIN_MS = 3000
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

async function takeSample(): Promise<Sample> {
  const sentMs = performance.now()
  const { now_ms } = await request<{ now_ms: number }>({ url: '/time', timeout: AGAIN_MS })
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
  let seen = { wallMs: Date.now(), monotonicMs: performance.now() }

  async function sample(): Promise<void> {
    if (isSampling || isEnded || document.hidden) return
    isSampling = true
    window.clearTimeout(timer)
    const samples: Sample[] = []
    try {
      while (samples.length < SAMPLES) {
        samples.push(await takeSample())
        // The first sample shows at once; better ones replace it.
        useServerClock.setState({ estimate: estimateClock(samples) })
      }
    } catch {
      // offline or refused: the old estimate stays, its error grows
    }
    isSampling = false
    timer = window.setTimeout(() => void sample(), samples.length > 0 ? RESAMPLE_MS : AGAIN_MS)
  }

  const watch = window.setInterval(() => {
    const now = { wallMs: Date.now(), monotonicMs: performance.now() }
    if (hasSlept(seen, now)) void sample()
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
