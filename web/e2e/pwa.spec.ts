import type { BrowserContext, Page } from '@playwright/test'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, signedIn, test } from './support/fixtures'
import { everythingKept } from './support/probes'
import { en } from './support/texts'

/** Online once, with the service worker in charge and what every page shows on disk. @param pages path, and the key of the query it shows */
async function prepare(
  context: BrowserContext,
  pages: [string, string[]][],
  seenThere: string,
): Promise<Page> {
  const page = await context.newPage()
  await page.goto('/')
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  await page.reload()
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true)
  for (const [path, key] of pages) {
    await page.goto(path)
    await expect(page.getByText(seenThere).first()).toBeVisible()
    const kept = async () => (await everythingKept(page)).replaceAll('\\', '') // JSON within JSON
    await expect.poll(kept, { intervals: [100] }).toContain(JSON.stringify(key).slice(0, -1))
  }
  return page
}

test('starts without a network, by address too: the last known sales and orders @both', async ({
  browser,
  shop,
  shopper,
}) => {
  const sale = await shop.sale()
  const order = await shop.bought(sale.sale_id, shopper)
  const context = await signedIn(browser, shopper, shop.url)
  const pages: [string, string[]][] = [
    ['/orders', ['orders', 'list']],
    [`/orders/${order.order_id}`, ['orders', 'one', order.order_id]],
    [`/sales/${sale.sale_id}`, ['sales', 'one', sale.sale_id]],
    ['/', ['sales', 'list']],
  ]
  const page = await prepare(context, pages, sale.title)
  const kept = await everythingKept(page)
  for (const word of [order.order_id, sale.title]) expect(kept).toContain(word)
  await page.close()
  await context.setOffline(true)
  for (const path of ['/', `/sales/${sale.sale_id}`, '/orders', `/orders/${order.order_id}`]) {
    const deep = await context.newPage()
    await deep.goto(path)
    await expect(deep.getByText(sale.title).first(), path).toBeVisible()
    await expect(deep.getByText(en.common.state.offline)).toBeVisible()
    await deep.close()
  }
  const nowhere = await context.newPage()
  await nowhere.goto('/sales/999999')
  await expect(nowhere.getByRole('heading', { level: 1 })).toBeVisible()
  await context.close()
})

test('can be installed: a manifest with icons that are there', async ({ page, shop }) => {
  await page.goto('/')
  const session = await page.context().newCDPSession(page)
  const { errors, data } = await session.send('Page.getAppManifest')
  expect(errors).toEqual([])
  const manifest = JSON.parse(data ?? '{}') as {
    name: string
    display: string
    icons: { src: string; sizes: string }[]
  }
  expect(manifest.display).toBe('standalone')
  for (const { src, sizes } of manifest.icons) {
    const size = await page.evaluate(async (path) => {
      const image = new Image()
      image.src = path
      await image.decode()
      return `${image.naturalWidth}x${image.naturalHeight}`
    }, new URL(src, shop.url).href)
    expect(size).toBe(sizes)
  }
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
  // A profile without a disk, as tests have it, is never asked.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([])
})

test('a new version is offered, and loaded when its reader says so', async ({ page, shop }) => {
  const worker = join(shop.instance.folder, 'nginx/html/sw.js')
  const before = await readFile(worker, 'utf8')
  await page.goto('/')
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  await page.reload() // from now on the worker serves this page
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  try {
    await rm(`${worker}.gz`, { force: true })
    await writeFile(worker, `${before}\n// the next version\n`)
    await page.evaluate(async () => {
      await (await navigator.serviceWorker.ready).update()
    })
    await expect(page.getByText(en.common.state.update)).toBeVisible()
    await page.evaluate(() => Object.assign(window, { isOld: true }))
    await page.getByRole('button', { name: en.common.action.reload }).click()
    await page.waitForFunction(() => !('isOld' in window))
    await expect(page.locator('h1')).toBeVisible()
    await expect(page.getByText(en.common.state.update)).toBeHidden()
  } finally {
    await writeFile(worker, before)
  }
})
