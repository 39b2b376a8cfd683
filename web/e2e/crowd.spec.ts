import type { Browser, Page } from '@playwright/test'
import type { Sale } from '../src/shared/api/types'
import { crowd, tokensOf, userOf } from './support/crowd'
import { expect, signedIn, test } from './support/fixtures'
import { buyButton, outcome, tapWhenArmed } from './support/salePage'
import type { Shop, Shopper } from './support/shop'

const shoppersCount = 25
const tabsEach = 2
const pagesCount = shoppersCount * tabsEach
const atOnce = 5
const stock = 600 // for some pages and some of the crowd, not for everybody
const opensInMsMin = 20_000
const crowdCount = 2000
const patience = { timeout: 120_000 } // fifty pages on two cores

/** The list, in two tabs of one shopper. */
async function open(browser: Browser, shop: Shop, who: Shopper): Promise<Page[]> {
  const context = await signedIn(browser, who, shop.url, { viewport: { width: 400, height: 600 } })
  const pages: Page[] = []
  for (let tab = 0; tab < tabsEach; tab += 1) {
    const page = await context.newPage()
    await page.goto('/', patience)
    await expect(page.locator('h1')).toBeVisible(patience)
    pages.push(page)
  }
  return pages
}

/** As by a link, without loading the shop again. */
async function goTo(page: Page, sale: Sale): Promise<void> {
  await page.evaluate((path) => {
    history.pushState({}, '', path)
    dispatchEvent(new PopStateEvent('popstate'))
  }, `/sales/${sale.sale_id}`)
  await expect(page.locator('h1')).toHaveText(sale.title, patience)
  await expect(buyButton(page)).toBeVisible(patience)
}

test('the opening second with 50 open pages and a crowd: every page gets an honest answer', async ({
  browser,
  shop,
}) => {
  test.setTimeout(900_000)
  const tokens = await tokensOf(shop, shoppersCount + crowdCount)
  const shoppers = tokens.slice(0, shoppersCount).map(userOf)
  const pages: Page[] = []
  const beganMs = performance.now()
  for (let first = 0; first < shoppersCount; first += atOnce)
    pages.push(
      ...(
        await Promise.all(shoppers.slice(first, first + atOnce).map((who) => open(browser, shop, who)))
      ).flat(),
    )
  // Going to the sale is less work than opening the shop was; how long both take is the machine's.
  const opensInMs = opensInMsMin + Math.round((performance.now() - beganMs) / 2)
  const offer = async (inMs: number): Promise<Sale> => {
    const made = await shop.sale({ stock_total: stock, opensInMs: inMs })
    await Promise.all(pages.map((page) => goTo(page, made)))
    return made
  }
  const isInTime = async ({ starts_at_ms }: Sale) => (await shop.nowMs()) < starts_at_ms - 3000
  let sale = await offer(opensInMs)
  if (!(await isInTime(sale))) sale = await offer(2 * opensInMs) // the machine had something else to do
  expect(await isInTime(sale), 'all pages are open before the sale is').toBe(true)
  const taps = pages.map((page) => tapWhenArmed(page, 400_000))
  const passed = (ms: number) =>
    expect.poll(() => shop.nowMs(), { timeout: 400_000, intervals: [200] }).toBeGreaterThan(ms)
  await passed(sale.starts_at_ms - 2000) // the crowd is there when it opens, and stays
  const buying = crowd(shop, sale.sale_id, { tokens: tokens.slice(shoppersCount), rate: 200, seconds: 12 })
  await passed(sale.starts_at_ms)
  await Promise.all(taps)
  const ends = await Promise.all(pages.map((page) => outcome(page, 180_000)))
  const answers = await buying
  expect(answers['201 none'], 'the crowd bought').toBeGreaterThan(0)
  expect(answers['409 sold_out'], 'and was too late').toBeGreaterThan(0)
  const won = ends.filter((end) => end === 'won').length
  test.info().annotations.push({
    type: 'ends',
    description: `${won} won, ${pagesCount - won} told that it is sold out`,
  })
  expect(ends.filter((end) => end !== 'won' && end !== 'sold_out')).toEqual([])
  for (const [index, who] of shoppers.entries()) {
    const mine = ends.slice(index * tabsEach, (index + 1) * tabsEach)
    const orders = await shop.ordersAtRest(sale.sale_id, who)
    expect(orders.length, `shopper ${index}: ${mine.join(', ')}`).toBe(mine.includes('won') ? 1 : 0)
    expect(new Set(mine).size, `both tabs of shopper ${index} say the same: ${mine.join(', ')}`).toBe(1)
  }
  for (const context of browser.contexts()) await context.close()
})
