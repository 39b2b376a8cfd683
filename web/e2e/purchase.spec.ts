import { logIn } from './support/accountPage'
import { expect, test } from './support/fixtures'
import {
  buyButton,
  deafen,
  expectArmed,
  expectWon,
  openSale,
  outcome,
  refused,
  won,
} from './support/salePage'
import { en, like } from './support/texts'

const { purchase, sales } = en

test('from the list to the ticket, with the log-in on the way @both', async ({ page, shop, shopper }) => {
  const sale = await shop.sale({ stock_total: 3 })
  await page.goto('/')
  await page.getByRole('searchbox', { name: sales.filter.q }).fill(sale.title)
  await expect(page).toHaveURL(/[?&]q=/)
  await page.getByRole('link', { name: sale.title }).first().click()
  await page.getByRole('link', { name: purchase.button.logIn }).click()
  await logIn(page, shopper.username, shopper.password)
  await expect(page).toHaveURL(new RegExp(`/sales/${sale.sale_id}$`))
  await buyButton(page).click()
  await expectWon(page)
  const [order] = await shop.ordersAtRest(sale.sale_id, shopper)
  await expect(won(page)).toContainText(String(order?.order_id))
  await expect(won(page)).toContainText(String(order?.sequence))
  await won(page).getByRole('link', { name: purchase.won.pay }).click()
  await expect(page).toHaveURL(new RegExp(`/orders/${String(order?.order_id)}$`))
})

test('more than one piece in one order @both', async ({ shop, shopper, shopperPage: page }) => {
  const sale = await shop.sale({ stock_total: 5, per_user_limit: 3 })
  await openSale(page, sale.sale_id)
  await page.getByLabel(purchase.quantity).selectOption('3')
  await buyButton(page).click()
  await expectWon(page)
  const orders = await shop.ordersAtRest(sale.sale_id, shopper)
  expect(orders.map(({ quantity }) => quantity)).toEqual([3])
})

test('who has one already, bought elsewhere, is led to it @both', async ({
  shop,
  shopper,
  shopperPage: page,
}) => {
  const sale = await shop.sale()
  await openSale(page, sale.sale_id)
  await expectArmed(page)
  const order = await shop.bought(sale.sale_id, shopper)
  await buyButton(page).click()
  expect(await outcome(page)).toBe('already_purchased')
  await page.getByRole('link', { name: purchase.refused.already_purchasedAction }).click()
  await expect(page).toHaveURL(new RegExp(order.order_id))
})

test('sold out: the page says so by itself, and arms itself when a piece comes back @both', async ({
  shop,
  shopperPage: page,
}) => {
  const other = await shop.shopper()
  const sale = await shop.sale({ stock_total: 1 })
  await openSale(page, sale.sale_id)
  await expectArmed(page)
  const { order_id } = await shop.bought(sale.sale_id, other)
  await expectArmed(page, false)
  await expect(buyButton(page)).toHaveText(purchase.button.sold_out)
  await shop.call('POST', `/orders/${order_id}/cancel`, { body: {}, token: other.token })
  await expectArmed(page)
  await buyButton(page).click()
  await expectWon(page)
})

test('paused and resumed: the button sleeps and comes back by itself @both', async ({
  shop,
  shopperPage: page,
}) => {
  const sale = await shop.sale()
  await openSale(page, sale.sale_id)
  await expectArmed(page)
  await shop.move(sale.sale_id, 'pause')
  await expect(buyButton(page)).toHaveText(purchase.button.paused)
  await expectArmed(page, false)
  await shop.move(sale.sale_id, 'resume')
  await expectArmed(page)
  await buyButton(page).click()
  await expectWon(page)
})

for (const [verb, code] of [
  ['pause', 'sale_paused'],
  ['end', 'sale_ended'],
] as const)
  test(`a tap in the moment of "${verb}" is told why nothing was bought`, async ({
    shop,
    shopperPage: page,
  }) => {
    const sale = await shop.sale()
    await openSale(page, sale.sale_id)
    await expectArmed(page)
    // The page does not hear of it before its shopper taps.
    await deafen(page, sale.sale_id)
    await shop.move(sale.sale_id, verb)
    await buyButton(page).click()
    expect(await outcome(page)).toBe(code)
  })

test('a sale ends at its time while the page is open @both', async ({ shop, shopperPage: page }) => {
  const sale = await shop.sale()
  await openSale(page, sale.sale_id)
  await expectArmed(page)
  const ends_at_ms = (await shop.nowMs()) + 6000 // the page hears of it before
  await shop.asOperator('PATCH', `/admin/sales/${sale.sale_id}`, { ends_at_ms })
  await expect(buyButton(page)).toHaveText(purchase.button.ended, { timeout: 30_000 })
})

test('who is too fast waits as long as the shop says, and then has it @both', async ({
  shop,
  shopper,
  shopperPage: page,
}) => {
  const sale = await shop.sale()
  const { limits } = await shop.asOperator<{ limits: { user: unknown } }>('GET', '/admin/limits')
  await openSale(page, sale.sale_id)
  await expectArmed(page)
  const other = await shop.sale()
  try {
    await shop.limits({ user: { count: 1, window_ms: 8000 } })
    await shop.buy(other.sale_id, shopper)
    await buyButton(page).click()
    await expect(page.getByText(purchase.wait.rate_limited, { exact: true })).toBeVisible()
    await expect(page.getByText(like(purchase.progress.inSeconds))).toBeVisible()
    await expectWon(page)
  } finally {
    await shop.limits({ user: limits.user })
  }
  expect(await shop.ordersAtRest(sale.sale_id, shopper)).toHaveLength(1)
})

test('the session ends under an attempt: after the log-in it is looked up and goes on', async ({
  shop,
  shopper,
  shopperPage: page,
}) => {
  const sale = await shop.sale()
  await openSale(page, sale.sale_id)
  await expectArmed(page)
  await page.context().clearCookies()
  await buyButton(page).click()
  await expect(page.getByText(purchase.signin.title, { exact: true })).toBeVisible()
  await page.getByRole('link', { name: purchase.signin.action }).click()
  await logIn(page, shopper.username, shopper.password)
  await expectWon(page)
  expect(await shop.ordersAtRest(sale.sale_id, shopper)).toHaveLength(1)
})

test('the list: groups, search, filter, and a word that nothing has @both', async ({ page, shop }) => {
  const live = await shop.sale()
  const soon = await shop.sale({ opensInMs: 600_000 })
  await page.goto('/')
  const search = page.getByRole('searchbox', { name: sales.filter.q })
  await expect(page.getByText(soon.title).first()).toBeVisible()
  await search.fill(live.title)
  await expect(page.getByText(soon.title)).toHaveCount(0)
  await expect(page.getByText(live.title).first()).toBeVisible()
  await search.fill('')
  await page.getByLabel(sales.filter.state).selectOption('scheduled')
  await expect(page.getByText(live.title)).toHaveCount(0)
  await expect(page.getByText(soon.title).first()).toBeVisible()
  await search.fill('no such thing in the world')
  await expect(page.getByText(sales.empty.noMatch)).toBeVisible()
  await page.getByRole('button', { name: sales.filter.clear }).click()
  await expect(page.getByText(live.title).first()).toBeVisible()
})

test('the clock detail shows several measurements and how exact they are @both', async ({ page, shop }) => {
  const sale = await shop.sale({ opensInMs: 600_000 })
  await openSale(page, sale.sale_id)
  await page.getByText(sales.clock.title).click()
  await expect(page.getByText(like(sales.clock.errorValue))).toBeVisible()
  await expect(refused(page, 'sold_out')).toHaveCount(0)
})
