import { useSession } from '@/shared/api/session'
import { useTranslation } from 'react-i18next'
import { Link, NavLink } from 'react-router'

const item =
  'inline-flex min-h-11 items-center rounded-lg px-2 text-sm font-semibold whitespace-nowrap no-underline hover:bg-sunken aria-[current=page]:bg-ink aria-[current=page]:text-paper sm:px-3 sm:text-base'

export function Header() {
  const { t } = useTranslation()
  const { user, isPending } = useSession()
  // Until the shop has said who it is: room for what will be there, so that nothing moves.
  const isIn = user !== null || isPending
  return (
    <header className="sticky top-0 z-30 border-b border-line bg-paper/95 backdrop-blur">
      <div className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-x-2 px-4 py-1 sm:gap-x-4 sm:py-2 sm:px-6">
        <Link
          to="/"
          className="inline-flex min-h-11 items-center gap-2 font-display text-xl font-bold no-underline"
        >
          <Mark />
          {/* On a phone the mark alone leaves room for the way around. */}
          <span className="max-sm:sr-only">{t('brand')}</span>
        </Link>
        <nav aria-label={t('nav.main')} className="flex flex-wrap items-center gap-0.5 sm:gap-1">
          <NavLink to="/" end className={item}>
            {t('nav.sales')}
          </NavLink>
          {isIn && (
            <NavLink to="/orders" className={item}>
              {t('nav.orders')}
            </NavLink>
          )}
          {user?.role === 'operator' && (
            <NavLink to="/operate" className={item}>
              {t('nav.operate')}
            </NavLink>
          )}
          <NavLink to={isIn ? '/account' : '/login'} className={item}>
            {isIn ? t('nav.account') : t('nav.logIn')}
          </NavLink>
        </nav>
      </div>
    </header>
  )
}

/** A ticket, torn off at the minute. */
function Mark() {
  return (
    <svg aria-hidden="true" viewBox="0 0 32 32" className="size-8">
      <path d="M4 7h24v6a3 3 0 0 0 0 6v6H4v-6a3 3 0 0 0 0-6z" className="fill-signal" />
      <path
        d="M16 11v5l3.5 2.5"
        className="stroke-on-signal"
        fill="none"
        strokeWidth="2.4"
        strokeLinecap="round"
      />
    </svg>
  )
}
