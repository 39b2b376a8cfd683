import { expect, signedIn, test } from './support/fixtures'
import { buyButton, deafen, openSale, outcome } from './support/salePage'

test('two browsers race for the last unit: one has it, the other is told that it is sold out @both', async ({
  browser,
  shop,
}) => {
  const { sale_id } = await shop.sale({ stock_total: 1 })
  const shoppers = [await shop.shopper(), await shop.shopper()]
  const contexts = await Promise.all(shoppers.map((who) => signedIn(browser, who, shop.url)))
  const pages = await Promise.all(contexts.map((context) => context.newPage()))
  for (const page of pages) {
    await openSale(page, sale_id)
    await expect(buyButton(page)).toBeEnabled()
  }
  await Promise.all(pages.map((page) => deafen(page, sale_id))) // the slower one is not to hear of it before its tap
  await Promise.all(pages.map((page) => buyButton(page).click()))
  const ends = await Promise.all(pages.map((page) => outcome(page)))
  expect(ends.sort()).toEqual(['sold_out', 'won'])
  const counts = await Promise.all(
    shoppers.map(async (who) => (await shop.ordersAtRest(sale_id, who)).length),
  )
  expect(counts.sort()).toEqual([0, 1])
  for (const context of contexts) await context.close()
})
