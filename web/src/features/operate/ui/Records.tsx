import type { ReactNode } from 'react'
import { useWide } from './useWide'

export interface Column<Row> {
  key: string
  head: string
  cell: (row: Row) => ReactNode
  isNumber?: boolean
}

interface RecordsProps<Row> {
  /** What the rows are, for readers. */
  caption: string
  rows: readonly Row[]
  rowKey: (row: Row) => string
  /** The first names the row. */
  columns: readonly Column<Row>[]
  rowClass?: (row: Row) => string
}

/** The same rows as a table where there is room, and as cards where there is not. */
export function Records<Row>(props: RecordsProps<Row>) {
  return useWide() ? <Table {...props} /> : <Cards {...props} />
}

function Table<Row>({ caption, rows, rowKey, columns, rowClass }: RecordsProps<Row>) {
  return (
    <table className="w-full border-collapse text-left">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr className="border-b border-line text-sm text-muted">
          {columns.map((column) => (
            <th
              key={column.key}
              scope="col"
              className={`px-3 py-2 font-semibold first:pl-0 last:pr-0 ${column.isNumber ? 'text-right' : ''}`}
            >
              {column.head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={rowKey(row)} className={`border-b border-line last:border-0 ${rowClass?.(row) ?? ''}`}>
            {columns.map((column, index) => (
              <Cell key={column.key} isHead={index === 0} isNumber={column.isNumber ?? false}>
                {column.cell(row)}
              </Cell>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Cell({ isHead, isNumber, children }: { isHead: boolean; isNumber: boolean; children: ReactNode }) {
  const look = `px-3 py-3 align-top font-normal first:pl-0 last:pr-0 ${isNumber ? 'figures text-right' : ''}`
  return isHead ? (
    <th scope="row" className={look}>
      {children}
    </th>
  ) : (
    <td className={look}>{children}</td>
  )
}

function Cards<Row>({ caption, rows, rowKey, columns, rowClass }: RecordsProps<Row>) {
  const [name, ...rest] = columns
  return (
    <ul aria-label={caption} className="grid gap-3">
      {rows.map((row) => (
        <li key={rowKey(row)} className={`ticket p-4 ${rowClass?.(row) ?? ''}`}>
          {name?.cell(row)}
          <dl className="perforated mt-3 grid grid-cols-2 gap-x-4 gap-y-2 pt-3">
            {rest.map((column) => (
              <div key={column.key} className="min-w-0 empty:hidden">
                <dt className="text-sm text-muted">{column.head}</dt>
                <dd className={column.isNumber ? 'figures' : ''}>{column.cell(row)}</dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  )
}
