/** UUID version 8 as the shop writes it, from whatever was copied: capitals, without hyphens, in braces, with spaces around. */
export function readOrderId(text: string): string | null {
  const digits = text
    .trim()
    .replace(/^urn:uuid:/i, '')
    .replace(/[-{}\s]/g, '')
    .toLowerCase()
  const match = /^([0-9a-f]{8})([0-9a-f]{4})(8[0-9a-f]{3})([89ab][0-9a-f]{3})([0-9a-f]{12})$/.exec(digits)
  return match ? match.slice(1).join('-') : null
}
