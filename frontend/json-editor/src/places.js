// Offsets into a text, and the lines and columns that people and the server count.

/** The offsets at which the lines of `text` begin. */
export function lineStartsOf(text) {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return starts
}

/** How many characters a person (and the server) counts in `text`: an emoji is one, not two. */
function countCharacters(text) {
  let count = text.length
  for (let i = 1; i < text.length; i++) {
    if (isTail(text, i)) count--
  }
  return count
}

/** Whether the code unit at `i` is the second half of a character beyond the basic plane. */
function isTail(text, i) {
  const unit = text.charCodeAt(i)
  if (unit < 0xdc00 || unit > 0xdfff) return false
  const before = text.charCodeAt(i - 1)
  return before >= 0xd800 && before <= 0xdbff
}

/** The line and column of an offset, both counted from 1, the column in characters as the server counts them. */
export function placeAt(text, lineStarts, pos) {
  let low = 0
  let high = lineStarts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (lineStarts[middle] <= pos) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: countCharacters(text.slice(lineStarts[low], pos)) + 1 }
}

/** The offset of a line and column; a place outside of the text becomes the nearest one inside. */
export function offsetOf(text, lineStarts, line, column) {
  if (line < 1) return 0
  if (line > lineStarts.length) return text.length
  const from = lineStarts[line - 1]
  const end = line < lineStarts.length ? lineStarts[line] - 1 : text.length
  let at = from
  for (let left = Math.max(column, 1) - 1; left > 0 && at < end; left--)
    at += at + 1 < end && isTail(text, at + 1) ? 2 : 1
  return at
}
