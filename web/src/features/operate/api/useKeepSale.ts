import { useQueryClient } from '@tanstack/react-query'
import { keys } from './keys'
import type { OperatorSale } from './types'

/** The answer of a change is the newest there is: it is shown at once, and lists that hold the sale ask again. */
export function useKeepSale(): (sale: OperatorSale) => void {
  const client = useQueryClient()
  return (sale) => {
    client.setQueryData(keys.sale(sale.sale_id), sale)
    void client.invalidateQueries({ queryKey: keys.sales })
    void client.invalidateQueries({ queryKey: keys.audit(sale.sale_id) })
  }
}
