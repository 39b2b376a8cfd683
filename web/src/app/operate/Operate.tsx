import { ActorsPage } from '@/features/operate/actors/ActorsPage'
import { DeadLettersPage } from '@/features/operate/deadLetters/DeadLettersPage'
import { LimitsPage } from '@/features/operate/limits/LimitsPage'
import { LogPage } from '@/features/operate/log/LogPage'
import { FindOrderPage } from '@/features/operate/order/FindOrderPage'
import { SalesList } from '@/features/operate/sale/SalesList'
import { TracesPage } from '@/features/operate/traces/TracesPage'
import { OutcomeBar } from '@/features/operate/ui/OutcomeBar'
import { SubNav } from '@/features/operate/ui/SubNav'
import { loadOperateTexts } from '@/shared/i18n'
import { Loading } from '@/shared/ui/Page'
import { lazy, Suspense } from 'react'
import { Route, Routes } from 'react-router'
import { NotFoundPage } from '../pages/NotFoundPage'

// The board (charts) and the form (its libraries) come when they are opened.
const BoardPage = lazy(async () => ({
  default: (await import('@/features/operate/board/BoardPage')).BoardPage,
}))
const NewSalePage = lazy(async () => ({
  default: (await import('@/features/operate/sale/SaleFormPage')).NewSalePage,
}))
const EditSalePage = lazy(async () => ({
  default: (await import('@/features/operate/sale/SaleFormPage')).EditSalePage,
}))

await loadOperateTexts()

export default function Operate() {
  return (
    <>
      <SubNav />
      <Suspense fallback={<Waiting />}>
        <Routes>
          <Route index element={<SalesList />} />
          <Route path="sales" element={<SalesList />} />
          <Route path="sales/new" element={<NewSalePage />} />
          <Route path="sales/:saleId" element={<BoardPage />} />
          <Route path="sales/:saleId/edit" element={<EditSalePage />} />
          <Route path="actors" element={<ActorsPage />} />
          <Route path="limits" element={<LimitsPage />} />
          <Route path="dead-letters" element={<DeadLettersPage />} />
          <Route path="orders" element={<FindOrderPage />} />
          <Route path="orders/:orderId" element={<FindOrderPage />} />
          <Route path="log" element={<LogPage />} />
          <Route path="traces" element={<TracesPage />} />
          <Route path="*" element={<NotFoundPage />} />
        </Routes>
      </Suspense>
      <OutcomeBar />
    </>
  )
}

function Waiting() {
  return (
    <div className="mx-auto max-w-6xl px-4 py-10">
      <Loading />
    </div>
  )
}
