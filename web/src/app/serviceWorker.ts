import { create } from 'zustand'

const LOOK_AGAIN_MS = 3_600_000
const APPLY_MS_MAX = 10_000
const AFTER_LOAD_MS = 3000

interface UpdateState {
  /** Loads the version that waits; null = this is the newest. */
  apply: (() => void) | null
}

export const useUpdate = create<UpdateState>(() => ({ apply: null }))

/**
 * Keeps the shell for a start without a network. A newer version waits until its reader says so: nothing is swapped under a purchase. A page
 * that stays open looks for one every hour, and when it is shown again.
 */
async function register(): Promise<void> {
  const { registerSW } = await import('virtual:pwa-register')
  const update = registerSW({
    onNeedRefresh: () => useUpdate.setState({ apply: () => void update(true) }),
    onRegisteredSW: (_url, registration) => {
      if (registration) lookForUpdates(registration)
    },
  })
}

function lookForUpdates(registration: ServiceWorkerRegistration): void {
  let lookedMs = performance.now()
  const look = (): void => {
    if (document.hidden || !navigator.onLine || performance.now() - lookedMs < LOOK_AGAIN_MS) return
    lookedMs = performance.now()
    registration.update().catch(() => undefined) // offline after all: at the next look
  }
  window.setInterval(look, LOOK_AGAIN_MS / 12)
  document.addEventListener('visibilitychange', look)
}

const heard = (target: EventTarget, event: string): Promise<void> =>
  new Promise((resolve) => target.addEventListener(event, () => resolve(), { once: true }))

async function applyNewest(): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration()
  if (!registration) return
  await registration.update()
  const { installing } = registration
  if (installing?.state === 'installing') await heard(installing, 'statechange')
  if (!registration.waiting) return
  const taken = heard(navigator.serviceWorker, 'controllerchange')
  registration.waiting.postMessage({ type: 'SKIP_WAITING' })
  await taken
}

/**
 * Looks for a newer version, lets it take over, and loads the page anew: a plain reload would get the same old page from the service worker.
 * Whatever goes wrong (offline, say) or takes long, the page is loaded anew.
 */
export async function reloadNewest(): Promise<void> {
  const tooLong = new Promise((resolve) => window.setTimeout(resolve, APPLY_MS_MAX))
  if ('serviceWorker' in navigator) await Promise.race([applyNewest().catch(() => undefined), tooLong])
  location.reload()
}

/** When the page has long been there: its parts, fetched for the next visit, take neither line nor processor from this one. */
export function startServiceWorker(): void {
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return
  const start = (): void => void window.setTimeout(() => void register(), AFTER_LOAD_MS)
  if (document.readyState === 'complete') start()
  else window.addEventListener('load', start, { once: true })
}
