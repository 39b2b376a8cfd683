import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, signedIn, test } from './support/fixtures'
import { programs } from './support/instance'
import { openSale, outcome, tapWhenArmed } from './support/salePage'
import type { Shopper } from './support/shop'

const pagesCount = 50
const stock = 30
const opensInMs = 75_000 // until then all pages have to be open
const crowdCount = 2000

/** A user's number, out of the token that says so. */
function userOf(token: string): Shopper {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string }
  return { username: '', password: '', token, userId: claims.sub }
}

test('the opening second with 50 open pages and a crowd: every page gets an honest answer', async ({
  browser,
  shop,
}) => {
  test.setTimeout(180_000)
  const tokens = (await shop.instance.minishop('tokens', String(pagesCount + crowdCount))).trim().split('\n')
  const tokensPath = join(shop.instance.folder, 'crowd.tokens')
  await writeFile(tokensPath, tokens.slice(pagesCount).join('\n') + '\n')
  // Units for some pages, for the crowd, and not for everybody.
  const sale = await shop.sale({ stock_total: stock + crowdCount / 2, opensInMs })
  const shoppers = tokens.slice(0, pagesCount).map(userOf)
  const pages = []
  for (const who of shoppers) {
    const context = await signedIn(browser, who, shop.url, { viewport: { width: 400, height: 600 } })
    const page = await context.newPage()
    await openSale(page, sale.sale_id)
    pages.push(page)
  }
  const spareMs = sale.starts_at_ms - (await shop.nowMs())
  expect(spareMs, 'all pages are open before the sale is').toBeGreaterThan(0)
  const taps = pages.map((page) => tapWhenArmed(page))
  const words = [
    'purchase',
    '--port',
    String(shop.instance.port),
    '--sale',
    sale.sale_id,
    '--tokens',
    tokensPath,
  ]
  const crowd = spawn(join(programs, 'minishop-load'), [
    ...words,
    '--rate',
    '400',
    '--connections',
    '32',
    '--repeat',
    '--seconds',
    '12',
  ])
  await expect
    .poll(() => shop.nowMs(), { timeout: 80_000, intervals: [200] })
    .toBeGreaterThan(sale.starts_at_ms)
  await Promise.all(taps)
  const ends = await Promise.all(pages.map((page) => outcome(page, 60_000)))
  if (crowd.exitCode === null) await once(crowd, 'exit')
  const won = ends.filter((end) => end === 'won').length
  test.info().annotations.push({
    type: 'ends',
    description: `${won} won, ${pagesCount - won} told that it is sold out`,
  })
  expect(ends.filter((end) => end !== 'won' && end !== 'sold_out')).toEqual([])
  for (const [index, who] of shoppers.entries()) {
    const orders = await shop.ordersAtRest(sale.sale_id, who)
    expect(orders.length, `page ${index}: ${String(ends[index])}`).toBe(ends[index] === 'won' ? 1 : 0)
  }
  for (const page of pages) await page.context().close()
})
