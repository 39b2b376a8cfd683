import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'react-router'
import { useWide } from './useWide'

const places = [
  { to: '/operate', name: 'sales' },
  { to: '/operate/actors', name: 'actors' },
  { to: '/operate/limits', name: 'limits' },
  { to: '/operate/dead-letters', name: 'deadLetters' },
  { to: '/operate/orders', name: 'order' },
  { to: '/operate/log', name: 'log' },
  { to: '/operate/traces', name: 'traces' },
] as const

const item =
  'flex min-h-11 items-center border-b-[3px] border-transparent px-3 font-semibold no-underline hover:border-edge aria-[current=page]:border-signal'

function isHere(to: string, path: string): boolean {
  return to === '/operate'
    ? path === to || path.startsWith('/operate/sales')
    : path === to || path.startsWith(`${to}/`)
}

/** Where operators are. A row where there is room, a list that opens where there is not. */
export function SubNav() {
  const { t } = useTranslation('operate')
  const isWide = useWide()
  const { pathname } = useLocation()
  const [openAt, setOpenAt] = useState<string | null>(null)
  const here = places.find(({ to }) => isHere(to, pathname)) ?? places[0]
  const isOpen = isWide || openAt === pathname
  return (
    <nav aria-label={t('nav.label')} className="border-b border-line bg-card">
      <div className="mx-auto max-w-6xl px-4 sm:px-6">
        {!isWide && (
          <button
            type="button"
            aria-expanded={isOpen}
            aria-controls="operate-places"
            onClick={() => setOpenAt(isOpen ? null : pathname)}
            className="flex min-h-12 w-full items-center justify-between font-semibold"
          >
            <span>
              <span className="text-muted">{t('nav.here')}</span> {t(`nav.${here.name}`)}
            </span>
            <svg aria-hidden="true" viewBox="0 0 20 20" className={`size-5 ${isOpen ? 'rotate-180' : ''}`}>
              <path d="M4 7l6 6 6-6" fill="none" stroke="currentColor" strokeWidth="2" />
            </svg>
          </button>
        )}
        <ul
          id="operate-places"
          hidden={!isOpen}
          className={isWide ? '-mx-3 flex flex-wrap' : 'grid grid-cols-2 pb-2 not-[[hidden]]:grid'}
        >
          {places.map(({ to, name }) => (
            <li key={to}>
              <Link
                to={to}
                aria-current={isHere(to, pathname) ? 'page' : undefined}
                className={item}
                onClick={() => setOpenAt(null)}
              >
                {t(`nav.${name}`)}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </nav>
  )
}
