import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { VitePWA } from 'vite-plugin-pwa'
import { defineConfig } from 'vitest/config'

// `npm run dev` serves the pages and passes /api on to a running instance.
const instance = process.env.MINISHOP_URL ?? 'http://127.0.0.1:8080'

// What the first page needs, whichever it is.
const libraries =
  'node_modules/(react|react-dom|scheduler|react-router|@tanstack|axios|i18next|react-i18next|idb|zustand)/'
const shared = 'shared/(api|lib|ui/(?!Dialog)|i18n/(index|en/(index|common|sales|purchase)[.]))'

// On a slow line the style sheet, with which the header is painted, comes first; the scripts have what is left of the line.
const scriptsGiveWay = {
  name: 'scripts-give-way',
  transformIndexHtml: {
    order: 'post' as const,
    handler: (html: string) =>
      html.replace(/<(script type="module"|link rel="modulepreload")/g, '$& fetchpriority="low"'),
  },
}

export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
    scriptsGiveWay,
    VitePWA({
      registerType: 'prompt',
      injectRegister: false,
      manifest: {
        id: '/',
        name: 'MiniShop',
        short_name: 'MiniShop',
        description: 'Small stocks, fair minutes.',
        start_url: '/',
        scope: '/',
        lang: 'en',
        categories: ['shopping'],
        display: 'standalone',
        background_color: '#f6f3ea',
        theme_color: '#f6f3ea',
        icons: [
          { src: '/icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: '/icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: '/icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        ],
        shortcuts: [
          { name: 'Sales', url: '/', icons: [{ src: '/icon-192.png', sizes: '192x192' }] },
          { name: 'My orders', url: '/orders', icons: [{ src: '/icon-192.png', sizes: '192x192' }] },
        ],
      },
      // The shell only. What the API answers is kept by the query cache's persister; purchases are kept nowhere.
      workbox: {
        globPatterns: ['**/*.{js,css,html,svg,woff2,png}'],
        // operators' pages need the network anyway
        globIgnores: ['**/{operate,Operate,SaleFormPage,BoardPage,uPlot}*'],
        navigateFallback: '/index.html',
        navigateFallbackDenylist: [/^\/api\//, /^\/(healthz|readyz|metrics)$/],
        cleanupOutdatedCaches: true,
      },
    }),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: { proxy: { '/api': { target: instance, changeOrigin: false } } },
  build: {
    target: 'es2022',
    sourcemap: false,
    modulePreload: { polyfill: false },
    // One file of what every page needs compresses better than a dozen, and asks once.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            {
              name: 'base',
              test: new RegExp(
                `${libraries}|vite/(preload|modulepreload)|rolldown|/src/(${shared}|features/account/api)`,
              ),
            },
          ],
        },
      },
    },
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    testTimeout: 30_000, // a machine with other work is slow, not wrong
  },
})
