// Draws public/icon-*.png from public/icon.svg, by Chromium: node scripts/icons.mjs. For whoever changes the mark; the pictures are committed.
import { chromium } from '@playwright/test'
import { readFileSync } from 'node:fs'

const mark = readFileSync('public/icon.svg', 'utf8')
const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
})

// `inset`: what launchers may cut off (maskable) or round (Apple) is paper to the edge, with the mark inside.
async function draw(name, size, inset) {
    const page = await browser.newPage({ viewport: { width: size, height: size } })
    const paper = inset > 0 ? 'background:#f6f3ea' : ''
    await page.setContent(
        `<body style="margin:0;${paper}"><div style="padding:${inset}px;line-height:0">${mark.replace('<svg', `<svg width="${size - 2 * inset}"`)}</div>`,
    )
    await page.screenshot({ path: `public/${name}.png`, omitBackground: inset === 0 })
    await page.close()
}

await draw('icon-192', 192, 0)
await draw('icon-512', 512, 0)
await draw('icon-maskable-512', 512, 52)
await draw('icon-180', 180, 10)
await browser.close()
