import type { ReactNode } from 'react'
import { useWide } from './useWide'

export interface Column<Row> {
  key: string
  head: string
  cell: (row: Row) => ReactNode
  isNumber?: boolean
  /** Free text, which may break anywhere; short words of any language stay whole. */
  isText?: boolean
  /** Something to do, not something to know: on cards it stands below, without a name. */
  isAction?: boolean
}

interface RecordsProps<Row> {
  /** What the rows are, for readers. */
  caption: string
  rows: readonly Row[]
  rowKey: (row: Row) => string
  /** The first names the row. */
  columns: readonly Column<Row>[]
  rowClass?: (row: Row) => string
  /** Within a ticket already: cards without a ticket of their own. */
  isBare?: boolean
}

/** The same rows as a table where there is room, and as cards where there is not. */
export function Records<Row>(props: RecordsProps<Row>) {
  const isWide = useWide()
  if (!isWide) return <Cards {...props} />
  if (props.isBare) return <Table {...props} />
  return (
    <div className="ticket px-5 py-2 sm:px-6">
      <Table {...props} />
    </div>
  )
}

function Table<Row>({ caption, rows, rowKey, columns, rowClass }: RecordsProps<Row>) {
  return (
    <table className="w-full border-collapse text-left break-words">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr className="border-b border-line text-sm text-muted">
          {columns.map((column) => (
            <th
              key={column.key}
              scope="col"
              className={`px-3 py-2 font-semibold break-keep [overflow-wrap:normal] first:pl-0 last:pr-0 ${column.isNumber ? 'text-right' : ''}`}
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
              <Cell
                key={column.key}
                isHead={index === 0}
                isNumber={column.isNumber ?? false}
                isText={column.isText ?? index === 0}
              >
                {column.cell(row)}
              </Cell>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

interface CellProps {
  isHead: boolean
  isNumber: boolean
  isText: boolean
  children: ReactNode
}

function Cell({ isHead, isNumber, isText, children }: CellProps) {
  const words = isText ? '' : 'break-keep'
  const numbers = isNumber ? 'figures text-right' : ''
  const look = `px-3 py-2.5 align-top font-normal [overflow-wrap:break-word] first:pl-0 last:pr-0 ${words} ${numbers}`
  return isHead ? (
    <th scope="row" className={look}>
      {children}
    </th>
  ) : (
    <td className={look}>{children}</td>
  )
}

function Cards<Row>({ caption, rows, rowKey, columns, rowClass, isBare = false }: RecordsProps<Row>) {
  const [name, ...others] = columns
  const rest = others.filter((column) => !column.isAction)
  const actions = others.filter((column) => column.isAction)
  return (
    <ul aria-label={caption} className="grid gap-3">
      {rows.map((row) => (
        <li
          key={rowKey(row)}
          className={`${isBare ? 'border-b border-line py-3 last:border-0' : 'ticket p-4'} ${rowClass?.(row) ?? ''}`}
        >
          {name?.cell(row)}
          <dl
            className={`grid gap-x-4 gap-y-2 ${isBare ? 'mt-2 grid-cols-[repeat(auto-fill,minmax(6.25rem,1fr))]' : 'perforated mt-3 grid-cols-2 pt-3'}`}
          >
            {rest.map((column) => (
              <div key={column.key} className="min-w-0 empty:hidden">
                <dt className="text-sm text-muted">{column.head}</dt>
                <dd className={column.isNumber ? 'figures' : ''}>{column.cell(row)}</dd>
              </div>
            ))}
          </dl>
          {actions.map((column) => (
            <div key={column.key} className="mt-3 empty:hidden">
              {column.cell(row)}
            </div>
          ))}
        </li>
      ))}
    </ul>
  )
}
