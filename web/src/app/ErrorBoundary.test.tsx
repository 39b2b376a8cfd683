import { startI18n } from '@/shared/i18n'
import { render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { ErrorBoundary } from './ErrorBoundary'

beforeAll(() => startI18n('en'))

const reload = vi.fn()
const hush = (event: Event): void => event.preventDefault()
beforeEach(() => {
  reload.mockClear()
  vi.stubGlobal('location', { reload })
  // What is caught is told by React and by jsdom.
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  window.addEventListener('error', hush)
})
afterEach(() => {
  window.removeEventListener('error', hush)
  vi.unstubAllGlobals()
  Reflect.deleteProperty(navigator, 'serviceWorker')
})

/** A browser with a service worker, which looks for an update as told. */
function browserWith(update: (registration: FakeRegistration) => Promise<void>) {
  const container = new EventTarget()
  const registration: FakeRegistration = {
    installing: null,
    waiting: null,
    update: () => update(registration),
  }
  const getRegistration = () => Promise.resolve(registration)
  Object.defineProperty(navigator, 'serviceWorker', {
    configurable: true,
    value: Object.assign(container, { getRegistration }),
  })
  return container
}

interface FakeRegistration {
  installing: (EventTarget & { state: string }) | null
  waiting: { postMessage: (message: unknown) => void } | null
  update: () => Promise<void>
}

function Broken(): never {
  throw new TypeError('Failed to fetch dynamically imported module')
}

async function crashesAndReloads() {
  render(
    <ErrorBoundary>
      <Broken />
    </ErrorBoundary>,
  )
  await userEvent.click(screen.getByRole('button', { name: 'Reload' }))
}

/** Parts of an old page may be gone: the way out of a crash leads to the newest version, and never to nowhere. */
describe('the way out of a crash', () => {
  it('lets a newer version take over before the page is loaded anew', async () => {
    const postMessage = vi.fn()
    const worker = Object.assign(new EventTarget(), { state: 'installing' })
    const container = browserWith((registration) => {
      registration.installing = worker
      setTimeout(() => {
        registration.waiting = { postMessage }
        worker.state = 'installed'
        worker.dispatchEvent(new Event('statechange'))
      }, 10)
      return Promise.resolve()
    })
    await crashesAndReloads()
    await waitFor(() => expect(postMessage).toHaveBeenCalledWith({ type: 'SKIP_WAITING' }))
    expect(reload).not.toHaveBeenCalled()
    expect(screen.getByRole('button', { name: 'Reload' })).toHaveAttribute('aria-busy', 'true')
    container.dispatchEvent(new Event('controllerchange'))
    await waitFor(() => expect(reload).toHaveBeenCalledOnce())
  })

  it.each([
    ['nothing is newer', () => Promise.resolve()],
    ['there is no network', () => Promise.reject(new TypeError('Failed to fetch'))],
  ])('loads the page anew when %s', async (_, update) => {
    browserWith(update)
    await crashesAndReloads()
    await waitFor(() => expect(reload).toHaveBeenCalledOnce())
  })

  it('does not wait for ever for an answer', async () => {
    browserWith(() => new Promise(() => undefined))
    const later = vi.spyOn(window, 'setTimeout')
    await crashesAndReloads()
    expect(reload).not.toHaveBeenCalled()
    const [give] = later.mock.calls.find(([, ms]) => ms === 10_000) ?? []
    ;(give as () => void)()
    await waitFor(() => expect(reload).toHaveBeenCalledOnce())
  })

  it('loads the page anew in a browser without service workers', async () => {
    await crashesAndReloads()
    await waitFor(() => expect(reload).toHaveBeenCalledOnce())
  })
})
