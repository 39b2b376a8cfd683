import type { Page } from '@playwright/test'
import { en, flat, zh } from './texts'

export type Language = 'en' | 'zh'
export type Theme = 'light' | 'dark'

/** As somebody does it: by the two selects under every page. */
export async function choose(page: Page, language: Language, theme: Theme): Promise<void> {
  const label = (name: 'language' | 'theme') =>
    page.getByLabel(new RegExp(`^(${en.common[name].label}|${zh.common[name].label})`))
  await label('theme').selectOption(theme)
  await label('language').selectOption(language)
}

/** For a new page, before it is opened. */
export async function prefer(page: Page, language: Language, theme: Theme): Promise<void> {
  await page.addInitScript(
    ([tag, chosen]) => {
      localStorage.setItem('minishop.language', tag)
      localStorage.setItem('minishop.theme', chosen)
    },
    [language === 'zh' ? 'zh-CN' : 'en', theme] as const,
  )
}

/** Texts of the English catalogue that differ in Chinese, as patterns of a whole text. */
const english = [...flat(en)]
  .filter(([name, text]) => flat(zh).get(name) !== text && /[a-z]{3}/i.test(text.replace(/\{\{.*?\}\}/g, '')))
  .map(([name, text]) => [
    name,
    `^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\\\{\\\{.*?\\\}\\\}/g, '.*')}$`,
  ])

/** What of the English catalogue a page in Chinese still shows or reads out. */
export function englishLeft(page: Page): Promise<string[]> {
  return page.evaluate((patterns) => {
    const texts: string[] = [document.title]
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT)
    for (let node = walker.nextNode(); node; node = walker.nextNode())
      if (node instanceof Element)
        texts.push(
          ...['aria-label', 'placeholder', 'title', 'alt'].map((name) => node.getAttribute(name) ?? ''),
        )
      else if (!node.parentElement?.closest('code, pre, [lang=en]')) texts.push(node.textContent ?? '')
    const shown = new Set(texts.map((text) => text.trim()).filter((text) => /[a-z]{3}/i.test(text)))
    const rules = patterns.map(([name, pattern]) => [name, new RegExp(pattern ?? '')] as const)
    return [...shown].flatMap((text) => {
      const rule = rules.find(([, pattern]) => pattern.test(text))
      return rule ? [`${String(rule[0])}: ${text}`] : []
    })
  }, english)
}

/** What is wider than the window, if the page scrolls sideways. */
export function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth
    if (document.documentElement.scrollWidth <= width) return []
    const isOver = (element: Element): boolean => element.getBoundingClientRect().right > width + 1
    return [...document.querySelectorAll('body *')]
      .filter((element) => isOver(element) && ![...element.children].some(isOver))
      .slice(0, 5)
      .map((element) => `${element.outerHTML.slice(0, 120)} ends at ${element.getBoundingClientRect().right}`)
  })
}

/** Texts that end outside of the box that clips them. What only readers hear is clipped as a whole, on purpose. */
export function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = []
    const clips = (element: Element): boolean => /hidden|clip/.test(getComputedStyle(element).overflowX)
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      let box: Element | null = node.parentElement
      while (box && !clips(box)) box = box.parentElement
      if (!box || box.clientWidth <= 1 || !node.textContent?.trim()) continue
      const range = document.createRange()
      range.selectNodeContents(node)
      const text = range.getBoundingClientRect()
      const { left, right } = box.getBoundingClientRect()
      if (text.width > 0 && (text.right > right + 1 || text.left < left - 1))
        found.push(`cut off: ${node.textContent.trim().slice(0, 60)}`)
    }
    return found
  })
}

/** Presses Tab through the whole page. @returns what had the focus and did not show it */
export async function focusHidden(page: Page): Promise<string[]> {
  const hidden: string[] = []
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press('Tab')
    const look = await page.evaluate(() => {
      const focused = document.activeElement
      if (!focused || focused === document.body) return null
      const isSeen = (focused as Element & { seenByTest?: boolean }).seenByTest === true
      ;(focused as Element & { seenByTest?: boolean }).seenByTest = true
      const box = focused.getBoundingClientRect()
      // A link that covers its card shows the focus around the card.
      const around = [
        focused,
        ...[1, 2, 3].map((up) => document.evaluate(`ancestor::*[${up}]`, focused).iterateNext()),
      ]
      const isShown = around.some((element) => {
        if (!(element instanceof Element) || !element.matches(':focus-within')) return false
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element)
        const hasRing = /\b0px 0px 0px ([2-9]|\d\d)px/.test(boxShadow)
        return hasRing || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2)
      })
      const hasRoom = box.width > 1 && box.height > 1
      return { isSeen, fault: isShown && hasRoom ? '' : focused.outerHTML.slice(0, 150) }
    })
    if (!look || look.isSeen) return hidden
    if (look.fault) hidden.push(look.fault)
  }
  return hidden
}

/** Animations that go on although motion is reduced. */
export function moving(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    document
      .getAnimations()
      .filter(({ effect }) => {
        const { duration, iterations } = effect?.getComputedTiming() ?? {}
        return Number(duration) > 1 || (iterations === Infinity && Number(duration) > 0.1)
      })
      .map(({ effect }) => ((effect as KeyframeEffect | null)?.target?.outerHTML ?? '').slice(0, 120)),
  )
}
