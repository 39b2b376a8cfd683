import { lazy, Suspense } from 'react'
import { Route, Routes } from 'react-router'
import { Loading } from '@/shared/ui/Page'
import { ErrorBoundary } from './ErrorBoundary'
import { NotFoundPage } from './pages/NotFoundPage'
import { SalePage } from './pages/SalePage'
import { SalesPage } from './pages/SalesPage'
import { SessionGate } from './SessionGate'
import { Shell } from './Shell'

// The first download is the sales and a sale; everything else comes when it is opened.
const LogInPage = lazy(() => import('./pages/LogInPage'))
const RegisterPage = lazy(() => import('./pages/RegisterPage'))
const AccountPage = lazy(() => import('./pages/AccountPage'))
const OrdersPage = lazy(() => import('./pages/OrdersPage'))
const OrderPage = lazy(() => import('./pages/OrderPage'))
const Operate = lazy(() => import('./operate/Operate'))

export function App() {
  return (
    <Shell>
      <ErrorBoundary>
        <Suspense fallback={<Waiting />}>
          <Routes>
            <Route path="/" element={<SalesPage />} />
            <Route path="/sales/:saleId" element={<SalePage />} />
            <Route path="/login" element={<LogInPage />} />
            <Route path="/register" element={<RegisterPage />} />
            <Route element={<SessionGate />}>
              <Route path="/orders" element={<OrdersPage />} />
              <Route path="/orders/:orderId" element={<OrderPage />} />
              <Route path="/account" element={<AccountPage />} />
            </Route>
            <Route element={<SessionGate needs="operator" />}>
              <Route path="/operate/*" element={<Operate />} />
            </Route>
            <Route path="*" element={<NotFoundPage />} />
          </Routes>
        </Suspense>
      </ErrorBoundary>
    </Shell>
  )
}

function Waiting() {
  return (
    <div className="mx-auto max-w-6xl px-4 py-10">
      <Loading />
    </div>
  )
}
