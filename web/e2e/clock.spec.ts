import { wrongClock } from './support/clock'
import { expect, signedIn, test } from './support/fixtures'
import { layoutShift } from './support/probes'
import { armedAtMs, buyButton, expectArmed, expectWon, openSale } from './support/salePage'

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
    const sale = await shop.sale({ opensInMs: 7000 })
    const context = await signedIn(browser, shopper, shop.url)
    await wrongClock(context, offsetMs)
    const page = await context.newPage()
    await openSale(page, sale.sale_id)
    await expectArmed(page, false)
    expect(await shop.nowMs()).toBeLessThan(sale.starts_at_ms)
    const offBy = (await armedAtMs(page)) - sale.starts_at_ms
    test
      .info()
      .annotations.push({ type: 'armed', description: `armed ${Math.round(offBy)} ms after the opening` })
    expect(offBy).toBeGreaterThan(-20)
    expect(offBy).toBeLessThan(slackMs)
    expect(await layoutShift(page)).toBeLessThan(0.001)
    await buyButton(page).click()
    await expectWon(page)
    await context.close()
  })
