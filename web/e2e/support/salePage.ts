import { expect, type Locator, type Page } from '@playwright/test'
import { en } from './texts'

export async function openSale(page: Page, saleId: string): Promise<void> {
  await page.goto(`/sales/${saleId}`)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
}

/** It keeps its place whatever it says. */
export function buyButton(page: Page): Locator {
  return page.getByTestId('buy')
}

export function expectArmed(page: Page, isArmed = true): Promise<void> {
  return isArmed ? expect(buyButton(page)).toBeEnabled() : expect(buyButton(page)).toBeDisabled()
}

const armed = '[data-testid=buy]:not([aria-disabled])'

interface Arming {
  /** ms from the opening until the button was armed, by the true time, whatever the device's clock says. */
  afterMs: number
  /** ms of these in which the machine gave the page no frame. */
  stalledMs: number
}

/** Looks in every frame. */
export function armedAfter(page: Page, openingMs: number, timeoutMs = 90_000): Promise<Arming> {
  return page.evaluate(
    ([selector, opening, patience]) =>
      new Promise<Arming>((resolve, reject) => {
        const slowFrameMs = 50
        const openingAt = opening - performance.timeOrigin
        const end = performance.now() + patience
        let seen = performance.now()
        let stalledMs = 0
        const look = (): void => {
          const now = performance.now()
          stalledMs += Math.max(0, now - Math.max(seen, openingAt) - slowFrameMs)
          seen = now
          if (document.querySelector(selector)) resolve({ afterMs: now - openingAt, stalledMs })
          else if (now > end) reject(new Error('the button was never armed'))
          else requestAnimationFrame(look)
        }
        look()
      }),
    [armed, openingMs, timeoutMs] as const,
  )
}

/** From now on the page hears nothing new of the sale, and nothing is under way any more: it asks one thing at a time. */
export async function deafen(page: Page, saleId: string): Promise<void> {
  const path = `/api/v1/sales/${saleId}`
  const failed = page.waitForEvent('requestfailed', (request) => new URL(request.url()).pathname === path)
  await page.route(`**${path}`, (route) => route.abort())
  await failed
}

/** A finger that waits over the button: taps in the moment it is armed. */
export function tapWhenArmed(page: Page, timeoutMs = 120_000): Promise<void> {
  return page.evaluate(
    ([selector, patience]) =>
      new Promise<void>((resolve, reject) => {
        const tap = (): boolean => {
          const button = document.querySelector<HTMLButtonElement>(selector)
          button?.click()
          return button !== null
        }
        if (tap()) {
          resolve()
          return
        }
        const watcher = new MutationObserver(() => {
          if (!tap()) return
          watcher.disconnect()
          resolve()
        })
        watcher.observe(document.body, { subtree: true, attributes: true, childList: true })
        setTimeout(() => reject(new Error('the button was never armed')), patience)
      }),
    [armed, timeoutMs] as const,
  )
}

export function won(page: Page): Locator {
  return page.getByTestId('won')
}

export function expectWon(page: Page): Promise<void> {
  return expect(won(page)).toBeVisible({ timeout: 20_000 })
}

type Refused = keyof typeof refusals

/** The server's clear "no", as the page says it. */
const refusals = {
  sold_out: en.purchase.refused.sold_outText,
  already_purchased: en.purchase.refused.already_purchasedText,
  sale_ended: en.purchase.refused.sale_endedText,
  sale_paused: en.purchase.refused.sale_pausedText,
  limit_exceeded: en.purchase.refused.limit_exceededText,
}

export function refused(page: Page, code: Refused): Locator {
  return page.getByText(refusals[code], { exact: true })
}

/** How an attempt ended, once it has. */
export async function outcome(page: Page, timeoutMs = 30_000): Promise<'won' | Refused> {
  const codes = Object.keys(refusals) as Refused[]
  const ends = [won(page), ...codes.map((code) => refused(page, code).first())]
  const [first, ...others] = ends
  const any = others.reduce((some, end) => some.or(end), first ?? won(page))
  await any.first().waitFor({ timeout: timeoutMs })
  for (const code of codes) if (await refused(page, code).first().isVisible()) return code
  return 'won'
}

/** While nobody knows whether the purchase was made, nothing says that it failed. */
export async function expectNoFailure(page: Page): Promise<void> {
  for (const code of Object.keys(refusals) as Refused[]) await expect(refused(page, code)).toHaveCount(0)
  await expect(page.getByText(en.common.problem.title)).toHaveCount(0)
  await expect(page.getByText(en.common.crash.title)).toHaveCount(0)
}
