import type { BrowserContext, Page } from '@playwright/test'
import { expect, signedIn, test } from './support/fixtures'
import { purchaseAny, purchaseAsked, purchaseSent, type Network, type Weather } from './support/proxy'
import type { Shop, Shopper } from './support/shop'
import { buyButton, expectNoFailure, expectWon, openSale } from './support/salePage'
import { en } from './support/texts'

/** Whatever the network does to a purchase: one order, and no word of failure while it may have been made. */

interface Scene {
  shop: Shop
  shopper: Shopper
  network: Network
  context: BrowserContext
  page: Page
  saleId: string
}

const scene = test.extend<{ scene: Scene }>({
  scene: async ({ browser, shop, shopper, network }, use) => {
    const { sale_id: saleId } = await shop.sale({ stock_total: 5 })
    const context = await signedIn(browser, shopper, network.url)
    const page = await context.newPage()
    await openSale(page, saleId)
    await expect(buyButton(page)).toBeEnabled()
    await use({ shop, shopper, network, context, page, saleId })
    await context.close()
  },
})

async function expectOneOrder({ shop, saleId, shopper }: Scene): Promise<void> {
  const orders = await shop.ordersAtRest(saleId, shopper)
  expect(orders.map(({ status }) => status)).toEqual(['pending_payment'])
}

/** Past "Noting it down…" the attempt is on disk. */
async function expectNoted(page: Page): Promise<void> {
  const { sending, asking, waiting } = en.purchase.button
  await expect(buyButton(page)).toHaveText(new RegExp(`^(${sending}|${asking}|${waiting})$`))
}

/** The tab is killed as by the system; the profile goes on in a new one. */
async function crash({ context, saleId }: Scene, page: Page): Promise<Page> {
  const session = await context.newCDPSession(page)
  const isOver = page.waitForEvent('crash')
  void session.send('Page.crash').catch(() => undefined)
  await isOver
  const next = await context.newPage()
  await openSale(next, saleId)
  return next
}

async function reload(_scene: Scene, page: Page): Promise<Page> {
  await page.reload()
  return page
}

const cuts: [string, Weather][] = [
  ['before the request leaves', 'refuse'],
  ['when the request has left', 'lose'],
  ['during the answer', 'tear'],
]

for (const [when, weather] of cuts) {
  scene(`network cut ${when} @both`, async ({ scene }) => {
    const { network, page } = scene
    network.set([weather, purchaseAny])
    await buyButton(page).click()
    await network.hasStruck(weather, 2)
    await expectNoFailure(page)
    network.set()
    await expectWon(page)
    await expectOneOrder(scene)
  })

  for (const [how, leave] of [['reload', reload] as const, ['crash of the tab', crash] as const])
    scene(`network cut ${when}, then ${how}`, async ({ scene }) => {
      const { network, page } = scene
      network.set([weather, purchaseAny])
      await buyButton(page).click()
      await network.hasStruck(weather)
      const next = await leave(scene, page)
      await expectNoFailure(next)
      network.set()
      await expectWon(next)
      await expectOneOrder(scene)
    })
}

for (const [how, leave] of [['reload', reload] as const, ['crash of the tab', crash] as const]) {
  scene(`${how} while the answer is awaited`, async ({ scene }) => {
    const { network, page } = scene
    network.set(['hold', purchaseSent])
    await buyButton(page).click()
    await network.hasStruck('hold')
    network.set()
    const next = await leave(scene, page)
    await expectWon(next)
    await expectOneOrder(scene)
  })

  scene(`${how} while the shop is asked what happened`, async ({ scene }) => {
    const { network, page } = scene
    network.set(['lose', purchaseSent], ['hold', purchaseAsked])
    await buyButton(page).click()
    await network.hasStruck('hold')
    network.set()
    const next = await leave(scene, page)
    await expectWon(next)
    await expectOneOrder(scene)
  })

  scene(`${how} after the purchase`, async ({ scene }) => {
    await buyButton(scene.page).click()
    await expectWon(scene.page)
    const next = await leave(scene, scene.page)
    await expectWon(next)
    await expectOneOrder(scene)
  })
}

scene('everything is down in the moment of the tap, for the tab and a reload of it', async ({ scene }) => {
  const { network, page, saleId, context } = scene
  network.down()
  await buyButton(page).click()
  await expectNoted(page)
  await expectNoFailure(page)
  await page.close()
  network.up()
  const next = await context.newPage()
  await openSale(next, saleId)
  await expectWon(next)
  await expectOneOrder(scene)
})

scene('offline: the tap waits, and goes through when the network is back @both', async ({ scene }) => {
  const { context, page } = scene
  await context.setOffline(true)
  await buyButton(page).click()
  await expectNoted(page)
  await expectNoFailure(page)
  await context.setOffline(false)
  await expectWon(page)
  await expectOneOrder(scene)
})

scene('two tabs of one shopper: both show the one purchase', async ({ scene }) => {
  const { context, page, saleId } = scene
  const second = await context.newPage()
  await openSale(second, saleId)
  await expect(buyButton(second)).toBeEnabled()
  // Whoever is faster buys; the button of the other may be gone before it is tapped.
  const taps = await Promise.allSettled([page, second].map((tab) => buyButton(tab).click({ timeout: 5000 })))
  expect(taps.some(({ status }) => status === 'fulfilled')).toBe(true)
  await expectWon(page)
  await expectWon(second)
  await expectOneOrder(scene)
})

scene('the tab that buys crashes; a second tab takes over', async ({ scene }) => {
  const { context, network, page, saleId } = scene
  const second = await context.newPage()
  await openSale(second, saleId)
  network.set(['hold', purchaseSent])
  await buyButton(page).click()
  await network.hasStruck('hold')
  network.set()
  await page.close()
  await expectWon(second)
  await expectOneOrder(scene)
})
