// Formatting that moves white space and nothing else.
//
// The text is never read into values and written back: that would turn 1.0 into 1, round large integers, drop a key
// that stands twice and spell escapes anew. What changes is only the space between two tokens.

const UNIT = "  "

/**
 * The changes that format a text, as [{from, to, insert}] in order.
 *
 * `tokens` are those of `readJson` for the same `text`, which must be grammatical. An empty list means that the text
 * is formatted already.
 */
export function formatChanges(text, tokens) {
  const changes = []
  let depth = 0
  let end = 0
  let before = null
  for (const token of tokens) {
    const closes = token.type === "}" || token.type === "]"
    if (closes) depth--
    let space
    if (!before || token.type === "," || token.type === ":") space = ""
    else if (closes && (before.type === "{" || before.type === "[")) space = ""
    else if (before.type === ":") space = " "
    else space = `\n${UNIT.repeat(depth)}`
    if (text.slice(end, token.from) !== space) changes.push({ from: end, to: token.from, insert: space })
    if (token.type === "{" || token.type === "[") depth++
    end = token.to
    before = token
  }
  if (end < text.length) changes.push({ from: end, to: text.length, insert: "" })
  return changes
}

/** `text` with `changes` made; the changes are in order and do not overlap. */
export function applyChanges(text, changes) {
  const parts = []
  let end = 0
  for (const { from, to, insert } of changes) {
    parts.push(text.slice(end, from), insert)
    end = to
  }
  parts.push(text.slice(end))
  return parts.join("")
}

/** Where a cursor at the offset `pos` is after `changes`: still behind the same letter, if it was behind one. */
export function offsetAfter(changes, pos) {
  let shift = 0
  for (const { from, to, insert } of changes) {
    if (from >= pos) break
    shift += from + insert.length - Math.min(to, pos)
    if (to > pos) break
  }
  return pos + shift
}
