import { devices } from '@playwright/test'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { crowd, tokensOf } from './support/crowd'
import { expect, signedIn, test } from './support/fixtures'
import { prefer } from './support/looks'
import { makeStage, states } from './support/states'
import { en } from './support/texts'

/** web/docs/PAGE-SIZE-THEME.png of every state, for the README. Not a test: `test/e2e/run --project=screenshots`. */
const folder = join(import.meta.dirname, '../docs')
const sizes = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { ...devices['Pixel 7'], deviceScaleFactor: 1 },
}
const bytesMax = 170_000
const boardS = 60 // until its sale is sold out, which takes 21 s
const shown =
  /^(sales|sale-(soon|live|won|sold-out)|log-in|register-errors|not-found|orders|order-(open|paid)|account|operate-(sales|board|edit|actors|limits|dead-letters|order|log|traces))$/

test('a picture of every page in both sizes and themes', async ({ browser, shop }) => {
  test.setTimeout(900_000)
  const stage = await makeStage(shop)
  for (const [size, options] of Object.entries(sizes))
    for (const theme of ['light', 'dark'] as const)
      for (const state of states.filter(({ name }) => shown.test(name))) {
        const who = state.who === 'operator' ? await shop.operator() : stage.shopper
        const context =
          state.who === 'nobody'
            ? await browser.newContext({ baseURL: shop.url, ...options })
            : await signedIn(browser, who, shop.url, options)
        const page = await context.newPage()
        await prefer(page, 'en', theme)
        let buying: Promise<unknown> = Promise.resolve()
        if (state.name === 'operate-board') {
          const sale = await shop.sale({ title: 'Desk fan, brass', stock_total: 2500 })
          const tokens = await tokensOf(shop, 4000)
          buying = crowd(shop, sale.sale_id, { tokens, rate: 120, seconds: 30 })
          await page.goto(`/operate/sales/${sale.sale_id}`)
          const refused = page.getByRole('heading', { name: en.operate.board.refused, exact: true })
          await expect(page.locator('section').filter({ has: refused })).toContainText(
            en.operate.refusal.sold_out,
            { timeout: boardS * 1000 },
          )
        } else await state.open(page, stage)
        await expect(page.locator('h1')).toBeVisible()
        await page.waitForLoadState('networkidle', { timeout: 2500 }).catch(() => undefined)
        const path = join(folder, `${state.name}-${size}-${theme}.png`)
        await page.screenshot({ path, animations: 'disabled' })
        expect.soft((await stat(path)).size, path).toBeLessThan(bytesMax)
        await context.close()
        await buying
      }
})
