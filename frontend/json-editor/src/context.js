// Where in the structure a place in the text is: for completion, which works on a text that is not finished, and for
// help, which works on what could be read of it.

const SCALARS = new Set(["string", "word", "literal", "number"])

/** The name of a list in a path: its items share one schema, so no index is kept. */
export const ITEM = Symbol("item")

/** Whether `pos` is inside `token`, so that typing there changes it. */
function holds(token, text, pos) {
  if (token.from >= pos || !SCALARS.has(token.type)) return false
  if (token.type !== "string") return pos <= token.to
  const closed = token.to - token.from > 1 && text[token.to - 1] === '"'
  return closed ? pos < token.to : pos <= token.to
}

/**
 * What a person who types at `pos` is about to write.
 *
 * Takes the text, its tokens (of `readJson`) and the offset. Returns null where neither a key nor a value can stand;
 * otherwise {kind: "key" or "value", from, to, path, present, next}: `from` to `to` is what is there already (the
 * whole token, quotation marks included), `path` the keys that lead to the object (for a value: to the value),
 * `present` the keys that the object has beside the one being written, `next` the token after `to`.
 */
export function contextAt(text, tokens, pos) {
  const stack = []
  let index = 0
  const step = (token, inside) => {
    const frame = stack[stack.length - 1]
    if (token.type === "{" || token.type === "[") {
      const name = !frame ? null : frame.object ? frame.key : ITEM
      const path = name === null ? [] : [...frame.path, name]
      stack.push({
        object: token.type === "{",
        path,
        state: token.type === "{" ? "key" : "value",
        key: null,
        keys: new Set(),
      })
    } else if (token.type === "}" || token.type === "]") {
      stack.pop()
      const parent = stack[stack.length - 1]
      if (parent) parent.state = "after"
    } else if (frame && token.type === ",") {
      frame.state = frame.object ? "key" : "value"
    } else if (frame && token.type === ":") {
      frame.state = "value"
    } else if (frame && SCALARS.has(token.type)) {
      if (frame.state === "key" || (frame.object && frame.state === "after" && tokens[index + 1]?.type === ":")) {
        frame.key = nameOf(text, token)
        if (!inside) frame.keys.add(frame.key)
        frame.state = "colon"
      } else {
        frame.state = "after"
      }
    }
  }
  while (index < tokens.length && tokens[index].to <= pos && !holds(tokens[index], text, pos)) {
    step(tokens[index], false)
    index++
  }
  const frame = stack[stack.length - 1]
  if (!frame) return null
  const current = index < tokens.length && holds(tokens[index], text, pos) ? tokens[index] : null
  if (!current && index < tokens.length && tokens[index].from < pos) return null
  let kind = frame.state
  if (kind === "after" && frame.object && current) {
    // A new line after a value without its comma: what is typed there can only become a key.
    const before = tokens[index - 1]
    if (text.slice(before.to, current.from).includes("\n")) kind = "key"
  }
  if (kind !== "key" && kind !== "value") return null
  const here = {
    kind,
    from: current ? current.from : pos,
    to: current ? current.to : pos,
    next: tokens[current ? index + 1 : index] ?? null,
  }
  here.path = kind === "key" ? frame.path : [...frame.path, frame.object ? frame.key : ITEM]
  const depth = stack.length
  if (current) {
    step(current, true)
    index++
  }
  for (; index < tokens.length && stack.length >= depth; index++) step(tokens[index], false)
  here.present = frame.keys
  return here
}

function nameOf(text, token) {
  const raw = text.slice(token.from, token.to)
  if (token.type !== "string") return raw
  if (token.content !== undefined) return token.content
  try {
    return JSON.parse(raw)
  } catch {
    return raw.slice(1, -1)
  }
}

/**
 * The key at or around `pos` in a tree of `readJson`.
 *
 * Returns {path, key} of the innermost member that `pos` is in, or null outside of every member; `key` is the node
 * of the key, and `path` ends with its name.
 */
export function memberAt(root, pos) {
  let found = null
  let node = root
  const path = []
  while (node) {
    let inside = null
    if (node.type === "object") {
      for (const member of node.members) {
        if (member.key.from > pos) break
        if (pos > (member.value ?? member.key).to) continue
        inside = member.value
        path.push(member.key.value)
        found = { path: [...path], key: member.key }
        break
      }
    } else if (node.type === "array") {
      inside = node.items.find((item) => item.from <= pos && pos <= item.to) ?? null
      if (inside) path.push(ITEM)
    }
    node = inside && inside.from <= pos && pos <= inside.to ? inside : null
  }
  return found
}
