import { defineConfig, devices } from '@playwright/test'

/** The flags of a browser that runs as root, without a display, and asks nobody outside. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export default defineConfig({
  testDir: '.',
  outputDir: 'report/results',
  globalSetup: './support/setup.ts',
  reporter: [['./support/counts.ts']],
  workers: 1, // two cores, and one of them is the shop's
  retries: 0,
  // An instance that died fails everything: enough is enough, and the count is still printed.
  maxFailures: 10,
  globalTimeout: 24 * 60_000, // below what scripts/test gives a part; 11 minutes are usual
  forbidOnly: true,
  // For a machine that is three times slower: no test asserts anything by them.
  timeout: 120_000,
  expect: { timeout: 20_000 },
  use: {
    browserName: 'chromium',
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    colorScheme: 'light',
    screenshot: 'only-on-failure', // a trace (--trace retain-on-failure) slows every test
    actionTimeout: 20_000,
    navigationTimeout: 60_000,
  },
  projects: [
    {
      name: 'desktop',
      testIgnore: 'screenshots.spec.ts',
      grepInvert: /@phone/,
      use: { viewport: { width: 1440, height: 900 } },
    },
    {
      name: 'phone',
      testIgnore: 'screenshots.spec.ts',
      grep: /@both|@phone/,
      use: devices['Pixel 7'],
    },
    { name: 'screenshots', testMatch: 'screenshots.spec.ts' },
  ],
})
