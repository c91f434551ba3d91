// Reading strict JSON that a person is still typing.
//
// `readJson` never throws and never stops at the first mistake. It returns a tree of what could be read and a list of
// problems, each in words that name the thing and say what to do. The tree and the tokens keep their places in the
// text, so that formatting can move the white space and leave every other character as it was typed.
//
// A problem is {code, from, to, severity, message, fix?}; `from` and `to` are offsets into the text, `fix` is
// {label, changes: [{from, to, insert}]}. Codes in `BESIDE_THE_GRAMMAR` (tokens.js) are about what well-formed JSON
// says; all others mean that the text is not JSON.

import { placeAt } from "./places.js"
import { MOST_PROBLEMS, NOT_FINITE, Scanner, shown } from "./tokens.js"

const SCALARS = new Set(["string", "word", "literal", "number"])
const VALUE_STARTS = new Set([...SCALARS, "{", "["])
const OPENING = { "{": "}", "[": "]" }
const CLOSING = { "}": "{", "]": "[" }
const JSON_WORDS = { true: "true", false: "false", null: "null", none: "null", undefined: "null", nil: "null" }

class Reader extends Scanner {
  constructor(text) {
    super(text)
    // After a mistake in the structure nothing on the same line can be judged well: one message a line is enough.
    this.quietLine = -1
  }

  /** Notes a mistake in how the tokens stand together, unless the line has one already. */
  structural(code, token, message, fix, from = token.from, to = token.to) {
    this.grammatical = false
    if (token.line === this.quietLine) return
    this.quietLine = token.line
    this.problem(code, from, to, message, fix)
  }

  /** Puts the tokens together. The stack is our own, not the language's: a text nested 100,000 deep is only long. */
  parse() {
    this.scan()
    const { tokens } = this
    this.stack = []
    this.root = null
    this.index = 0
    for (; this.index < tokens.length && this.problems.length < MOST_PROBLEMS; this.index++) {
      const token = tokens[this.index]
      if (this.guessed.has(token.line)) this.quietLine = token.line
      const frame = this.stack[this.stack.length - 1]
      let goOn = true
      if (!frame) goOn = this.atTop(token)
      else if (frame.node.type === "object") this.inObject(frame, token)
      else this.inArray(frame, token)
      if (!goOn) break
    }
    // What was not read to its end cannot be called JSON, and must not be formatted.
    if (this.index < tokens.length || this.pos < this.text.length) this.grammatical = false
    this.finish()
    return {
      root: this.root,
      tokens,
      problems: this.problems,
      grammatical: this.grammatical,
      lineStarts: this.lineStarts,
    }
  }

  next() {
    return this.tokens[this.index + 1]
  }

  previous() {
    return this.tokens[this.index - 1]
  }

  raw(token) {
    return this.text.slice(token.from, token.to)
  }

  /** The node of a scalar token. */
  scalar(token) {
    const raw = this.raw(token)
    if (token.type === "string")
      return { type: "string", from: token.from, to: token.to, value: this.stringValue(token) }
    if (token.type === "number") return { type: "number", from: token.from, to: token.to, value: Number(raw), raw }
    if (token.type === "literal") {
      return raw === "null"
        ? { type: "null", from: token.from, to: token.to, value: null }
        : { type: "boolean", from: token.from, to: token.to, value: raw === "true" }
    }
    return { type: "unknown", from: token.from, to: token.to }
  }

  stringValue(token) {
    if (token.content !== undefined) return token.content
    const raw = this.raw(token)
    if (!raw.includes("\\")) return raw.slice(1, -1)
    try {
      return JSON.parse(raw)
    } catch {
      return raw.slice(1, -1)
    }
  }

  /** Puts a value where the frame waits for one. */
  attach(node) {
    const frame = this.stack[this.stack.length - 1]
    if (!frame) {
      this.root = node
    } else if (frame.node.type === "object") {
      if (frame.member) frame.member.value = node
      frame.member = null
    } else {
      frame.node.items.push(node)
    }
    if (frame) frame.state = "after"
  }

  /** Takes a value that begins at `token`: a scalar is done, a container is entered. */
  value(token) {
    if (token.type === "{" || token.type === "[") {
      const node =
        token.type === "{"
          ? { type: "object", from: token.from, to: token.to, members: [] }
          : { type: "array", from: token.from, to: token.to, items: [] }
      this.attach(node)
      this.stack.push({ node, token, state: "start", comma: null, member: null, keys: null })
      return
    }
    if (token.type === "word") this.unknownWord(token)
    this.attach(this.scalar(token))
  }

  unknownWord(token) {
    const raw = this.raw(token)
    if (NOT_FINITE.test(raw)) {
      this.pos = token.to
      this.notFinite(token.from, raw)
      return
    }
    const literal = JSON_WORDS[raw.toLowerCase()]
    if (literal) {
      this.problem("unknown-word", token.from, token.to, `${raw} is not a value of JSON: write ${literal}`, {
        label: `Write ${literal}`,
        changes: [{ from: token.from, to: token.to, insert: literal }],
      })
      return
    }
    this.grammatical = false
    if (token.line === this.quietLine) return
    // Words up to the end of the value, as in Maxi Academy, are one text that lacks its marks.
    const rest = /^[^",:{}[\]\n]*/.exec(this.text.slice(token.from, this.endOfLine(token.from)))[0].trimEnd()
    this.structural(
      "unknown-word",
      token,
      `${shown(rest)} is not a value of JSON: put a text in double quotation marks, as in ${shown(JSON.stringify(rest))}`,
      {
        label: "Put it in quotation marks",
        changes: [{ from: token.from, to: token.from + rest.length, insert: JSON.stringify(rest) }],
      },
    )
  }

  startsValue(token) {
    return token !== undefined && VALUE_STARTS.has(token.type)
  }

  isKeyLike(token) {
    return token !== undefined && SCALARS.has(token.type)
  }

  /** Handles a token outside of every container; false says that nothing more is worth reading. */
  atTop(token) {
    if (this.root) {
      const closes = this.root.type === "object" ? "the closing brace" : "the end"
      if (token.type === "}" || token.type === "]") {
        this.problem(
          "text-after-end",
          token.from,
          token.to,
          `this ${token.type} closes nothing: there is one too many, or one that opens is missing before it`,
          { label: "Remove it", changes: [{ from: token.from, to: token.to, insert: "" }] },
        )
      } else {
        const last = this.tokens[this.tokens.length - 1]
        this.problem(
          "text-after-end",
          token.from,
          last.to,
          `nothing may follow ${closes} on line ${this.place(this.root.to - 1).line}, but ${shown(this.raw(token))} stands here`,
          token.type === ","
            ? { label: "Remove the comma", changes: [{ from: token.from, to: token.to, insert: "" }] }
            : undefined,
        )
      }
      return false
    }
    if (token.type === "}" || token.type === "]") {
      this.problem(
        "unexpected",
        token.from,
        token.to,
        `this ${token.type} closes nothing: write ${CLOSING[token.type]} before it`,
      )
      return false
    }
    if (this.isKeyLike(token) && this.next()?.type === ":") {
      this.problem(
        "no-braces",
        token.from,
        token.to,
        "the keys and values must stand in braces: write { before the first and } after the last",
      )
      return false
    }
    if (!this.startsValue(token)) {
      this.problem(
        "unexpected",
        token.from,
        token.to,
        `${shown(this.raw(token))} may not stand here: the text must begin with {`,
      )
      return false
    }
    this.value(token)
    return true
  }

  inObject(frame, token) {
    switch (frame.state) {
      case "start":
      case "key":
        return this.expectKey(frame, token)
      case "colon":
        return this.expectColon(frame, token)
      case "value":
        return this.expectMemberValue(frame, token)
      default:
        return this.afterMember(frame, token)
    }
  }

  expectKey(frame, token) {
    if (token.type === "}" || token.type === "]") {
      this.trailingComma(frame, token)
      return this.close(token)
    }
    if (token.type === ",") return this.extraComma(frame, token)
    if (token.type === ":") {
      this.structural("missing-key", token, "there is no key before this colon: write one in double quotation marks")
      frame.member = null
      frame.state = "value"
      return undefined
    }
    if (this.isKeyLike(token) && (token.type === "string" || this.next()?.type === ":"))
      return this.takeKey(frame, token)
    if (token.type === "word" && !this.startsValue(this.next()) && this.next()?.type !== "other") {
      // A lone word that stands for a key not finished yet.
      this.takeKey(frame, token)
      return undefined
    }
    this.structural(
      "key-expected",
      token,
      `a key in double quotation marks must stand here, as in "KEY": value, but ${shown(this.raw(token))} was found`,
    )
    if (token.type === "{" || token.type === "[") this.value(token)
    else frame.state = "junk"
    return undefined
  }

  takeKey(frame, token) {
    const raw = this.raw(token)
    const name = token.type === "string" ? this.stringValue(token) : raw
    const key = { from: token.from, to: token.to, value: name }
    if (token.type !== "string") {
      this.problem(
        "unquoted-key",
        token.from,
        token.to,
        `a key stands in double quotation marks: write ${shown(JSON.stringify(raw))}`,
        {
          label: "Put it in quotation marks",
          changes: [{ from: token.from, to: token.to, insert: JSON.stringify(raw) }],
        },
      )
    }
    frame.keys ??= new Map()
    const earlier = frame.keys.get(name)
    if (earlier) {
      const place = this.place(earlier.from)
      this.problem(
        "duplicate-key",
        token.from,
        token.to,
        `the key ${shown(JSON.stringify(name))} stands already on line ${place.line}, column ${place.column}: keep one of the two`,
      )
    } else {
      frame.keys.set(name, key)
    }
    frame.member = { key, value: null }
    frame.node.members.push(frame.member)
    frame.state = "colon"
  }

  expectColon(frame, token) {
    if (token.type === ":") {
      frame.state = "value"
      return undefined
    }
    const name = shown(JSON.stringify(frame.member.key.value))
    if (this.startsValue(token) && !(token.type === "string" && this.next()?.type === ":")) {
      const at = frame.member.key.to
      this.structural(
        "missing-colon",
        token,
        `a colon is missing between the key ${name} and its value: write : here`,
        { label: "Add the colon", changes: [{ from: at, to: at, insert: ":" }] },
        at,
        at,
      )
      frame.state = "value"
      return this.value(token)
    }
    if (token.type === "other") {
      this.structural(
        "unexpected",
        token,
        `${shown(this.raw(token))} may not stand here: a colon must follow the key ${name}`,
      )
      return undefined
    }
    this.structural("missing-value", this.previous(), `the key ${name} has no value: write : and a value after it`)
    frame.member = null
    frame.state = "after"
    return this.afterMember(frame, token)
  }

  expectMemberValue(frame, token) {
    if (this.startsValue(token)) return this.value(token)
    if (token.type === ":") {
      this.structural("unexpected", token, "there is one colon too many here: remove it", {
        label: "Remove the colon",
        changes: [{ from: token.from, to: token.to, insert: "" }],
      })
      return undefined
    }
    if (token.type === "other") {
      this.structural(
        "unexpected",
        token,
        `${shown(this.raw(token))} may not stand here: a value must follow the colon`,
      )
      return undefined
    }
    const after = frame.member ? ` of the key ${shown(JSON.stringify(frame.member.key.value))}` : ""
    this.structural("missing-value", this.previous(), `the value${after} is missing after this colon`)
    frame.member = null
    frame.state = "after"
    return this.afterMember(frame, token)
  }

  afterMember(frame, token) {
    if (token.type === ",") {
      frame.comma = token
      frame.state = "key"
      return undefined
    }
    if (token.type === "}" || token.type === "]") return this.close(token)
    // A text that begins a new line is the next key, even where its colon is missing too.
    if (
      this.isKeyLike(token) &&
      (this.next()?.type === ":" || (token.type === "string" && token.line > this.previous().line))
    ) {
      // After something that was no key there is no telling whether a comma is missing.
      if (frame.state !== "junk") this.missingComma(token)
      return this.takeKey(frame, token)
    }
    if (token.type === ":") {
      this.structural(
        "unexpected",
        token,
        "a colon may not stand here: a comma or the closing brace must follow the value",
      )
      frame.state = "value"
      return undefined
    }
    this.structural(
      "unexpected",
      token,
      `${shown(this.raw(token))} may not stand here: a comma or the closing brace must follow the value`,
    )
    if (token.type === "{" || token.type === "[") this.value(token)
    return undefined
  }

  inArray(frame, token) {
    if (frame.state === "start" || frame.state === "item") {
      if (this.startsValue(token)) return this.value(token)
      if (token.type === "]" || token.type === "}") {
        this.trailingComma(frame, token)
        return this.close(token)
      }
      if (token.type === ",") return this.extraComma(frame, token)
    } else {
      if (token.type === ",") {
        frame.comma = token
        frame.state = "item"
        return undefined
      }
      if (token.type === "]" || token.type === "}") return this.close(token)
      if (this.startsValue(token)) {
        this.missingComma(token)
        return this.value(token)
      }
    }
    this.structural(
      "unexpected",
      token,
      token.type === ":"
        ? "a list in [ ] has values only: for keys with values use braces { }"
        : `${shown(this.raw(token))} may not stand in a list`,
    )
    return undefined
  }

  missingComma(token) {
    const at = this.previous().to
    this.structural(
      "missing-comma",
      token,
      `a comma is missing here, before ${shown(this.raw(token))}`,
      { label: "Add the comma", changes: [{ from: at, to: at, insert: "," }] },
      at,
      at,
    )
  }

  trailingComma(frame, token) {
    if (!frame.comma || frame.state === "start") return
    const { comma } = frame
    const closer = token.type === "}" ? "brace" : "bracket"
    this.problem(
      "trailing-comma",
      comma.from,
      comma.to,
      `a comma may not stand before the closing ${closer}: remove it`,
      { label: "Remove the comma", changes: [{ from: comma.from, to: comma.to, insert: "" }] },
    )
  }

  extraComma(frame, token) {
    const opener = frame.node.type === "object" ? "brace" : "bracket"
    const message =
      frame.state === "start"
        ? `a comma may not stand right after the opening ${opener}: remove it`
        : "there is one comma too many here: remove it"
    this.problem("extra-comma", token.from, token.to, message, {
      label: "Remove the comma",
      changes: [{ from: token.from, to: token.to, insert: "" }],
    })
  }

  /** Closes the innermost container with `token`, or says why that token cannot close it. */
  close(token) {
    const frame = this.stack[this.stack.length - 1]
    const opener = frame.token.type
    const wanted = OPENING[opener]
    if (token.type === wanted) return this.pop(token)
    const place = token.line === this.quietLine ? {} : this.place(frame.token.from)
    const below = this.stack.slice(0, -1).findLastIndex((other) => OPENING[other.token.type] === token.type)
    if (below >= 0) {
      this.structural(
        "not-closed",
        token,
        `the ${opener} of line ${place.line}, column ${place.column} is still open here: write ${wanted} before this ${token.type}`,
        { label: `Add ${wanted}`, changes: [{ from: token.from, to: token.from, insert: wanted }] },
      )
      while (this.stack.length > below + 1) this.pop(token)
      return this.pop(token)
    }
    this.structural(
      "wrong-closer",
      token,
      `the ${opener} of line ${place.line}, column ${place.column} is closed with ${wanted}, not with ${token.type}`,
      { label: `Write ${wanted}`, changes: [{ from: token.from, to: token.to, insert: wanted }] },
    )
    return this.pop(token)
  }

  pop(token) {
    const frame = this.stack.pop()
    frame.node.to = token.to
    frame.node.closed = true
  }

  finish() {
    const { text, tokens } = this
    if (this.root === null && this.problems.length === 0 && tokens.length === 0) {
      this.problem("empty", 0, 0, "nothing is written yet: {} stands for no values")
      this.grammatical = false
      return
    }
    if (this.stack.length) {
      const frame = this.stack[this.stack.length - 1]
      const missing = this.stack
        .map((open) => OPENING[open.token.type])
        .reverse()
        .join("")
      for (const open of this.stack) open.node.to = text.trimEnd().length
      const rest =
        this.stack.length > 1
          ? ` (${missing.length} are still open: add ${shown(missing)} at the end)`
          : `: add ${missing} where it ends`
      this.problem("not-closed", frame.token.from, frame.token.to, `this ${frame.token.type} is never closed${rest}`, {
        label: `Add ${shown(missing)} at the end`,
        changes: [{ from: text.trimEnd().length, to: text.trimEnd().length, insert: missing }],
      })
    }
    if (this.root && this.root.type !== "object" && this.root.type !== "unknown") {
      const found = { array: "a list", string: "a text", number: "a number", boolean: "true or false", null: "null" }[
        this.root.type
      ]
      this.problem(
        "not-an-object",
        this.root.from,
        this.root.type === "array" ? this.root.from + 1 : this.root.to,
        `the whole must be one object, { "KEY": value, ... }, but it is ${found}`,
      )
    }
    this.problems.sort((a, b) => a.from - b.from || a.to - b.to)
  }

  place(pos) {
    return placeAt(this.text, this.lineStarts, pos)
  }
}

/**
 * Reads `text` as strict JSON.
 *
 * Returns {root, tokens, problems, grammatical, lineStarts}: `root` is the tree of what could be read (null for
 * nothing), `grammatical` whether the text is JSON, `problems` in the order of the text.
 */
export function readJson(text) {
  return new Reader(text).parse()
}
