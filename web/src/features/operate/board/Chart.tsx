import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { loadPlot, type Plot } from './plot'
import { useColours } from './useColours'

export interface Line {
  label: string
  /** A token of styles.css. */
  color: string
  /** px on, px off; empty = solid. */
  dash: number[]
  values: (number | null)[]
}

interface ChartProps {
  title: string
  times: readonly number[]
  lines: readonly Line[]
}

const HEIGHT = 'h-44'

/** A drawing of the last minutes. Readers get the same numbers from the table below it. */
export function Chart({ title, times, lines }: ChartProps) {
  const { t, i18n } = useTranslation('operate')
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<Plot | null>(null)
  const latest = useRef({ times, lines })
  const colours = useColours()
  const shape = lines.map(({ color, dash }) => `${color} ${dash.join(' ')}`).join(',')

  useEffect(() => {
    const element = box.current
    if (!element) return
    let isGone = false
    void loadPlot().then((make) => {
      if (isGone) return
      plot.current = make(element, latest.current.lines, i18n.language)
      plot.current.show(latest.current.times, latest.current.lines)
    })
    return () => {
      isGone = true
      plot.current?.destroy()
      plot.current = null
    }
  }, [colours, shape, i18n.language])

  useEffect(() => {
    latest.current = { times, lines }
    plot.current?.show(times, lines)
  }, [times, lines])

  return (
    <figure className="min-w-0">
      <figcaption className="mb-2">
        <h3 className="font-semibold">{title}</h3>
        <ul className="flex min-h-6 flex-wrap gap-x-4 text-sm text-muted">
          {lines.length > 1 && lines.map((line) => <Key key={line.label} line={line} />)}
        </ul>
      </figcaption>
      <div
        ref={box}
        role="img"
        aria-label={t('board.chartLabel', { title })}
        className={`${HEIGHT} w-full overflow-hidden`}
      />
    </figure>
  )
}

function Key({ line }: { line: Line }) {
  return (
    <li className="inline-flex items-center gap-1.5">
      <svg aria-hidden="true" viewBox="0 0 24 4" className="h-1 w-6">
        <path
          d="M0 2h24"
          strokeWidth="3"
          strokeDasharray={line.dash.join(' ')}
          style={{ stroke: `var(${line.color})` }}
        />
      </svg>
      {line.label}
    </li>
  )
}
