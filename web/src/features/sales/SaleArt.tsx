import { artOf, type Art } from './art'

const palette = ['#b5301a', '#e3b04b', '#8fa6a0', '#1f4f86', '#17664a'] as const
const grounds = ['#ece0c6', '#cfdcd3', '#efd9c6', '#c9d8e6', '#d9d6e2'] as const

/** The same flat paper-cut style as the pictures under public/art. */
export function SaleArt({ saleId, title }: { saleId: string; title: string }) {
  const art = artOf(saleId, title)
  const [a, b, c] = art.colours
  const ink = { a: palette[a] ?? '', b: palette[b] ?? '', c: palette[c] ?? '' }
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 480 360"
      preserveAspectRatio="xMidYMid slice"
      className="size-full"
      data-motif={art.motif}
    >
      <rect width="480" height="360" fill={grounds[a]} />
      <g transform={`rotate(${art.turn} 240 180)`}>
        <Motif art={art} ink={ink} />
      </g>
    </svg>
  )
}

interface Ink {
  a: string
  b: string
  c: string
}

function Motif({ art, ink }: { art: Art; ink: Ink }) {
  const die = (index: number): number => art.dice[index] ?? 0
  switch (art.motif) {
    case 'sun':
      return (
        <>
          <circle cx={160 + die(0) * 160} cy={170} r={90 + die(1) * 40} fill={ink.a} />
          <path d="M-60 230h600v220h-600z" fill={ink.b} />
          <path d={`M-60 290q150 ${-90 * die(2)} 300 0t300 0v170h-600z`} fill={ink.c} />
        </>
      )
    case 'steps':
      return [0, 1, 2, 3, 4].map((row) => (
        <rect
          key={row}
          x={60 + row * 74}
          y={260 - row * 44 - die(row) * 20}
          width="62"
          height="320"
          rx="8"
          fill={[ink.a, ink.b, ink.c][row % 3]}
        />
      ))
    case 'waves':
      return [0, 1, 2, 3].map((row) => (
        <path
          key={row}
          d={`M-60 ${90 + row * 66}q75 ${-50 - die(row) * 40} 150 0t150 0 150 0 150 0`}
          fill="none"
          stroke={[ink.a, ink.b, ink.c, ink.a][row]}
          strokeWidth="26"
          strokeLinecap="round"
        />
      ))
    case 'tickets':
      return [ink.c, ink.b, ink.a].map((fill, index) => (
        <path
          key={fill}
          transform={`rotate(${-22 + index * 20 + die(index) * 8} 240 330)`}
          d="M120 110h240v50a20 20 0 0 0 0 40v50H120v-50a20 20 0 0 0 0-40z"
          fill={fill}
        />
      ))
    case 'dots':
      return Array.from({ length: 20 }, (_, index) => (
        <circle
          key={index}
          cx={72 + (index % 5) * 84}
          cy={54 + Math.floor(index / 5) * 84}
          r={16 + die(index % 8) * 18}
          fill={[ink.a, ink.b, ink.c][Math.floor(die((index * 3) % 8) * 3)]}
        />
      ))
    case 'arches':
      return [ink.a, ink.b, ink.c, ink.a].map((stroke, index) => (
        <circle
          key={index}
          cx={240}
          cy={330}
          r={250 - index * 58}
          fill="none"
          stroke={stroke}
          strokeWidth={34 + die(index) * 14}
        />
      ))
  }
}
