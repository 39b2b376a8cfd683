import type { Sale } from '@/shared/api/types'
import { useState } from 'react'
import { SaleArt } from './SaleArt'

/** The sale's picture in a frame of fixed shape, or a drawing where there is none, or it does not load. */
export function SaleImage({
  sale,
  isMain = false,
  className = 'aspect-[4/3]',
}: {
  sale: Pick<Sale, 'sale_id' | 'title' | 'image_url'>
  /** The page's own picture: fetched at once, described; else it repeats a title beside it. */
  isMain?: boolean
  className?: string
}) {
  const [failedUrl, setFailedUrl] = useState('')
  const isPicture = sale.image_url.startsWith('/') && sale.image_url !== failedUrl
  return (
    <div className={`overflow-hidden bg-sunken ${className}`}>
      {isPicture ? (
        <img
          src={sale.image_url}
          alt={isMain ? sale.title : ''}
          width={480}
          height={360}
          loading={isMain ? 'eager' : 'lazy'}
          decoding="async"
          onError={() => setFailedUrl(sale.image_url)}
          className="size-full object-cover"
        />
      ) : (
        <SaleArt saleId={sale.sale_id} title={sale.title} />
      )}
    </div>
  )
}
