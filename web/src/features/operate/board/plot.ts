import type { Line } from './Chart'

export interface Plot {
  show: (times: readonly number[], lines: readonly Line[]) => void
  destroy: () => void
}

type MakePlot = (element: HTMLElement, lines: readonly Line[], language: string) => Plot

const WINDOW_MIN_S = 60

/** uPlot comes with the first chart. */
export async function loadPlot(): Promise<MakePlot> {
  const [{ default: UPlot }] = await Promise.all([import('uplot'), import('uplot/dist/uPlot.min.css')])

  return (element, lines, language) => {
    const style = getComputedStyle(document.documentElement)
    const colour = (token: string): string => style.getPropertyValue(token).trim()
    const clock = new Intl.DateTimeFormat(language, {
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    })
    const number = new Intl.NumberFormat(language, { notation: 'compact' })
    const axis = {
      stroke: colour('--muted'),
      font: '12px system-ui, sans-serif',
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    }
    // Before the first sample an axis has no numbers to say.
    const onceThereAre =
      (write: (value: number) => string) =>
      ({ data }: { data: ArrayLike<unknown>[] }, splits: number[]): string[] =>
        splits.map((value) => (data[0]?.length ? write(value) : ''))
    const plot = new UPlot(
      {
        width: Math.max(1, element.clientWidth),
        height: Math.max(1, element.clientHeight),
        legend: { show: false },
        cursor: { show: false },
        scales: {
          // By the times themselves: uPlot makes a day of a single one.
          x: {
            range: ({ data: [times] }) => {
              const last = times.at(-1) ?? 0
              return [Math.min(times[0] ?? last, last - WINDOW_MIN_S), last]
            },
          },
          y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
        },
        axes: [
          { ...axis, size: 28, space: 90, values: onceThereAre((value) => clock.format(value * 1000)) },
          { ...axis, size: 48, values: onceThereAre((value) => number.format(value)) },
        ],
        series: [
          {},
          ...lines.map(({ label, color, dash }) => ({
            label,
            stroke: colour(color),
            width: 2,
            dash,
            points: { show: false },
          })),
        ],
      },
      [[], ...lines.map(() => [])],
      element,
    )
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0)
        plot.setSize({ width: element.clientWidth, height: Math.max(1, element.clientHeight) })
    })
    resized.observe(element)
    return {
      show: (times, now) => {
        plot.setData([times.map((ms) => ms / 1000), ...now.map(({ values }) => values)])
      },
      destroy: () => {
        resized.disconnect()
        plot.destroy()
      },
    }
  }
}
