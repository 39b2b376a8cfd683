import { wrongClock } from './support/clock'
import { expect, signedIn, test } from './support/fixtures'
import { layoutShift } from './support/probes'
import { armedAfter, buyButton, expectArmed, expectWon, openSale } from './support/salePage'

const hourMs = 3_600_000
// Of the moment that a page arms itself, on a machine that has something else to do.
const slackMs = 400

for (const [name, offsetMs] of [
  ['right', 0],
  ['an hour fast', hourMs],
  ['an hour slow', -hourMs],
] as const)
  test(`device clock ${name}: the button arms itself at the opening, nothing moves, the first tap buys @both`, async ({
    browser,
    shop,
    shopper,
  }) => {
    const context = await signedIn(browser, shopper, shop.url)
    await wrongClock(context, offsetMs)
    const page = await context.newPage()
    const beganMs = performance.now()
    await page.goto('/')
    await page.waitForLoadState('networkidle')
    // Time to come to the page and see it settle, by what the first page took.
    const sale = await shop.sale({ opensInMs: 5000 + Math.round(3 * (performance.now() - beganMs)) })
    await openSale(page, sale.sale_id)
    await expectArmed(page, false)
    await page.waitForLoadState('networkidle')
    const settledMs = await page.evaluate(() => performance.now())
    expect(await shop.nowMs()).toBeLessThan(sale.starts_at_ms)
    const { afterMs, stalledMs } = await armedAfter(page, sale.starts_at_ms)
    test
      .info()
      .annotations.push({ type: 'armed', description: `armed ${Math.round(afterMs)} ms after the opening` })
    expect(afterMs).toBeGreaterThan(-20)
    expect(
      afterMs - stalledMs,
      `without the ${Math.round(stalledMs)} ms that the machine stood`,
    ).toBeLessThan(slackMs)
    const { sum, what } = await layoutShift(page, settledMs)
    expect(sum, what).toBeLessThan(0.001)
    await buyButton(page).click()
    await expectWon(page)
    await context.close()
  })

test('nothing moves while a sale loads, for somebody who is signed in @both', async ({
  shop,
  shopperPage: page,
}) => {
  const sale = await shop.sale({
    description: 'Warm light, three steps, a cable of cloth.',
    list_price_cents: 2999,
  })
  await openSale(page, sale.sale_id)
  await expect(buyButton(page)).toBeEnabled()
  await page.waitForLoadState('networkidle')
  const { sum, what } = await layoutShift(page, 0)
  expect(sum, what).toBeLessThan(0.02)
})
