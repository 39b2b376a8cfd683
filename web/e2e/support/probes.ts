import type { BrowserContext, Page } from '@playwright/test'

interface Seen {
  /** Payloads that ran. */
  executed: string[]
  /** Reports of the Content Security Policy. */
  violations: string[]
  /** Uncaught errors of the pages. */
  errors: string[]
  /** Requests that left the origin. */
  foreign: string[]
}

/** Watches every page of a profile; call it before the first page is opened. */
export async function watch(context: BrowserContext): Promise<Seen> {
  const seen: Seen = { executed: [], violations: [], errors: [], foreign: [] }
  await context.exposeBinding('probeExecuted', ({ page }, what: string) => {
    seen.executed.push(`${page.url()}: ${what}`)
  })
  await context.exposeBinding('probeViolation', ({ page }, what: string) => {
    seen.violations.push(`${page.url()}: ${what}`)
  })
  await context.addInitScript(() => {
    const probes = window as unknown as Record<string, (what: string) => void>
    for (const name of ['alert', 'confirm', 'prompt'])
      probes[name] = (what) => {
        probes.probeExecuted?.(`${name} ${what}`)
      }
    document.addEventListener('securitypolicyviolation', (event) => {
      probes.probeViolation?.(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`)
    })
  })
  const follow = (page: Page): void => {
    page.on('pageerror', (error) => seen.errors.push(`${page.url()}: ${error.message}`))
    page.on('dialog', (dialog) => {
      seen.executed.push(`${page.url()}: dialog ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      if (/^(https?|wss?):/.test(protocol) && hostname !== '127.0.0.1') seen.foreign.push(request.url())
    })
  }
  for (const page of context.pages()) follow(page)
  context.on('page', follow)
  return seen
}

/** Markup of a payload that became part of the page, although the policy kept it from running. */
export function injected(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [
      ...document.querySelectorAll(
        '[onerror],[onload],[onfocus],[onclick],script:not([src]),iframe,object,embed,[href^="javascript:" i]',
      ),
    ].map((element) => element.outerHTML),
  )
}

interface Shift extends PerformanceEntry {
  value: number
  hadRecentInput: boolean
  sources: { node: Node | null }[]
}

/**
 * Sum of the layout shifts of a page since then (ms of its life) that no input explains, and what moved when. The page is moved on purpose
 * at the end: when that shift is told, all before it were, and the probe is known to see.
 */
export function layoutShift(page: Page, sinceMs: number): Promise<{ sum: number; what: string }> {
  return page.evaluate(
    (since) =>
      new Promise<{ sum: number; what: string }>((resolve) => {
        const seen: Shift[] = []
        const canary = document.createElement('div')
        canary.style.height = '150px'
        let untilMs = Infinity
        const observer = new PerformanceObserver((list) => {
          seen.push(...(list.getEntries() as Shift[]))
          if (!seen.some(({ startTime }) => startTime >= untilMs)) return
          observer.disconnect()
          canary.remove()
          const shifts = seen.filter(
            ({ hadRecentInput, startTime }) => !hadRecentInput && startTime >= since && startTime < untilMs,
          )
          const what = shifts.map(
            ({ value, startTime, sources }) =>
              `${value.toFixed(4)} at ${Math.round(startTime)} ms: ` +
              sources
                .map(({ node }) =>
                  node instanceof Element ? node.outerHTML.slice(0, 90) : (node?.nodeName ?? '?'),
                )
                .join(' | '),
          )
          resolve({ sum: shifts.reduce((sum, { value }) => sum + value, 0), what: what.join('\n') })
        })
        observer.observe({ type: 'layout-shift', buffered: true })
        requestAnimationFrame(() =>
          requestAnimationFrame(() => {
            untilMs = performance.now()
            scrollTo(0, 0)
            document.body.prepend(canary)
          }),
        )
      }),
    sinceMs,
  )
}

/** Everything that scripts could read of what is kept: local, session, IndexedDB, caches, cookies. */
export function everythingKept(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const kept: unknown[] = [Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name ?? '')
        opening.onsuccess = () => resolve(opening.result)
        opening.onerror = () => reject(new Error(`cannot open ${String(name)}`))
      })
      for (const store of database.objectStoreNames)
        kept.push(
          await new Promise((resolve) => {
            const reading = database.transaction(store).objectStore(store).getAll()
            reading.onsuccess = () => resolve({ [`${database.name}/${store}`]: reading.result as unknown })
          }),
        )
      database.close()
    }
    for (const name of await caches.keys())
      for (const request of await (await caches.open(name)).keys()) kept.push(request.url)
    return JSON.stringify(kept)
  })
}
