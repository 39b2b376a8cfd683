/** A drawing for a sale without a picture: always the same for the same sale. Pure numbers; `SaleArt` draws them. */
export const motifs = ['sun', 'steps', 'waves', 'tickets', 'dots', 'arches'] as const
export type Motif = (typeof motifs)[number]

export interface Art {
  motif: Motif
  /** Which three of the palette, as indices. */
  colours: readonly [number, number, number]
  /** Degrees. */
  turn: number
  /** In [0, 1), for sizes and places. */
  dice: readonly number[]
}

const COLOURS = 5
const DICE = 8

/** FNV-1a, 32 bits: the same everywhere, no dependency. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (const unit of text) value = Math.imul(value ^ (unit.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return value
}

export function artOf(saleId: string, title: string): Art {
  let state = hash(`${saleId}/${title}`) || 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
  next()
  const first = Math.floor(next() * COLOURS)
  const second = (first + 1 + Math.floor(next() * (COLOURS - 1))) % COLOURS
  const third = [0, 1, 2, 3, 4].filter((colour) => colour !== first && colour !== second)
  return {
    motif: motifs[Math.floor(next() * motifs.length)] ?? 'sun',
    colours: [first, second, third[Math.floor(next() * third.length)] ?? 0],
    turn: Math.round(next() * 24 - 12),
    dice: Array.from({ length: DICE }, next),
  }
}
