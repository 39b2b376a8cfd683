import type { BrowserContext, Page } from '@playwright/test'
import { violations } from './support/axe'
import { signedIn, test as base, expect } from './support/fixtures'
import {
  choose,
  cutOff,
  englishLeft,
  focusHidden,
  moving,
  prefer,
  tooWide,
  type Language,
  type Theme,
} from './support/looks'
import { watch } from './support/probes'
import { en, zh } from './support/texts'
import { makeStage, states, type Stage, type State } from './support/states'

const test = base.extend<object, { stage: Stage }>({
  stage: [
    async ({ shop }, use) => {
      await use(await makeStage(shop))
    },
    { scope: 'worker', timeout: 90_000 },
  ],
})

async function profileOf(
  state: State,
  { shop, shopper }: Stage,
  browser: Parameters<typeof signedIn>[0],
): Promise<BrowserContext> {
  if (state.who === 'nobody') return browser.newContext({ baseURL: shop.url })
  return signedIn(browser, state.who === 'operator' ? await shop.operator() : shopper, shop.url)
}

/** The page has its heading and nothing of it is still loading. */
async function settle(page: Page): Promise<void> {
  await expect(page.locator('h1')).toHaveCount(1)
  await expect(
    page.getByText(new RegExp(`^(${en.common.state.loading}|${zh.common.state.loading})$`)),
  ).toHaveCount(0)
  await page.evaluate(() => document.fonts.ready.then(() => undefined))
}

async function look(page: Page, state: State, language: Language, theme: Theme): Promise<string[]> {
  const where = `${state.name} ${language} ${theme}`
  const found = await violations(page, where)
  found.push(...(await cutOff(page)).map((text) => `${where}: ${text}`))
  if (language === 'zh') {
    found.push(...(await englishLeft(page)).map((text) => `${where}: English: ${text}`))
    const tag = await page.evaluate(() => document.documentElement.lang)
    if (!tag.startsWith('zh')) found.push(`${where}: lang=${tag}`)
  }
  return found
}

async function reflow(page: Page, state: State, width: number): Promise<string[]> {
  const size = page.viewportSize()
  await page.setViewportSize({ width, height: 640 })
  // What measures itself, as charts do, follows a frame or two later.
  await page
    .waitForFunction(
      () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
      null,
      {
        timeout: 15_000,
      },
    )
    .catch(() => undefined)
  const found = [...(await tooWide(page)), ...(await cutOff(page))].map(
    (text) => `${state.name} at ${width} px: ${text}`,
  )
  if (size) await page.setViewportSize(size)
  return found
}

for (const state of states)
  test(`${state.name}: axe in both themes and languages, narrow and zoomed, focus seen, motion reduced @both`, async ({
    browser,
    stage,
  }, { project }) => {
    const context = await profileOf(state, stage, browser)
    const seen = await watch(context)
    const page = await context.newPage()
    await page.emulateMedia({ reducedMotion: 'reduce' })
    const isPhone = project.name === 'phone'
    await prefer(page, 'en', isPhone ? 'dark' : 'light')
    await state.open(page, stage)
    await settle(page)
    const found = await look(page, state, 'en', isPhone ? 'dark' : 'light')
    found.push(...(await moving(page)).map((text) => `${state.name}: moves: ${text}`))
    // 1280 px at 200 %, and the narrowest phone.
    for (const width of [640, 320]) found.push(...(await reflow(page, state, width)))
    if (!isPhone) found.push(...(await focusHidden(page)).map((text) => `${state.name}: focus: ${text}`))
    // Every pair of colours and every text was seen then: the phone has the other theme.
    if (!isPhone) {
      const hasDialog = (await page.getByRole('dialog').count()) > 0
      if (hasDialog) await page.keyboard.press('Escape')
      for (const theme of ['light', 'dark'] as const) {
        await choose(page, 'zh', theme)
        await expect(page.locator('html')).toHaveAttribute('lang', /^zh/)
        await settle(page)
        found.push(...(await look(page, state, 'zh', theme)))
      }
      for (const width of [640, 320]) found.push(...(await reflow(page, state, width)))
    }
    expect(found).toEqual([])
    expect([...seen.violations, ...seen.errors, ...seen.foreign]).toEqual([])
    await context.close()
  })
