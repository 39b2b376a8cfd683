import type { Sale, SaleState } from '@/shared/api/types'
import { Tear } from '@/shared/ui/Tear'
import { useServerClockRunning } from '@/shared/lib/useServerClockRunning'
import type { ReactNode } from 'react'
import { ClockDetail } from './ClockDetail'
import { Price } from './Price'
import { SaleFacts } from './SaleFacts'
import { SaleImage } from './SaleImage'
import { SaleTiming } from './SaleTiming'
import { StockBar } from './StockBar'
import { useSaleState } from './useSaleState'

/** A sale: its picture and words, and the ticket with clock, price and what buys it. @param buy what stands in the ticket's stub, by state */
export function SaleView({ sale, buy }: { sale: Sale; buy: (state: SaleState) => ReactNode }) {
  useServerClockRunning()
  const state = useSaleState(sale)
  return (
    <div className="grid items-start gap-6 lg:grid-cols-[1fr_27rem] lg:gap-10">
      <div className="grid gap-8 max-lg:contents">
        <SaleImage
          sale={sale}
          isMain
          className="ticket aspect-[16/9] max-lg:order-1 lg:aspect-[4/3] lg:max-h-[32rem]"
        />
        <div className="grid gap-8 max-lg:order-3">
          {sale.description && <p className="max-w-prose text-lg whitespace-pre-line">{sale.description}</p>}
          <SaleFacts sale={sale} />
        </div>
      </div>
      <div className="ticket overflow-hidden max-lg:order-2 lg:sticky lg:top-24" data-state={state}>
        <div className="px-5 py-5 sm:px-6">
          <SaleTiming sale={sale} state={state} />
        </div>
        <Tear />
        <div className="grid gap-4 p-5 sm:p-6">
          <Price sale={sale} isLarge />
          <StockBar sale={sale} state={state} />
          {buy(state)}
          <ClockDetail />
        </div>
      </div>
    </div>
  )
}

/** The same shape while nothing is known: what comes moves nothing. */
export function SaleSkeleton() {
  const block = 'animate-pulse bg-sunken rounded-card'
  return (
    <div aria-hidden="true" className="grid min-h-dvh items-start gap-6 lg:grid-cols-[1fr_27rem] lg:gap-10">
      <div className={`${block} aspect-[16/9] lg:aspect-[4/3] lg:max-h-[32rem]`} />
      <div className={`${block} h-[34rem]`} />
    </div>
  )
}
