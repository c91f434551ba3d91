// Reading strict JSON that a person is still typing.
//
// `readJson` never throws and never stops at the first mistake. It returns a tree of what could be read and a list of
// problems, each in words that name the thing and say what to do. The tree and the tokens keep their places in the
// text, so that formatting can move the white space and leave every other character as it was typed.
//
// A problem is {code, from, to, severity, message, fix?}; `from` and `to` are offsets into the text, `fix` is
// {label, changes: [{from, to, insert}]}. Codes in `BESIDE_THE_GRAMMAR` are about what well-formed JSON says; all
// others mean that the text is not JSON.

/** Reading stops after so many problems: such a text is hardly JSON at all, and a longer list helps nobody. */
export const MOST_PROBLEMS = 100

const BESIDE_THE_GRAMMAR = new Set(["duplicate-key", "not-an-object", "empty", "number-too-large", "half-character"])

const SCALARS = new Set(["string", "word", "literal", "number"])
const VALUE_STARTS = new Set([...SCALARS, "{", "["])
const OPENING = { "{": "}", "[": "]" }
const CLOSING = { "}": "{", "]": "[" }
// Each quotation mark that does not belong in JSON: the marks that may end what it begins, and what people call it.
const WRONG_QUOTES = {
  "'": { closers: "'", name: "single quotation marks" },
  "`": { closers: "`\u00b4'", name: "backticks" },
  "\u2018": { closers: "\u2019'", name: "curly quotation marks" },
  "\u2019": { closers: "\u2019'", name: "curly quotation marks" },
  "\u201a": { closers: "\u2018\u2019'", name: "curly quotation marks" },
  "\u201c": { closers: '\u201d\u201c"', name: "curly quotation marks" },
  "\u201d": { closers: '\u201d"', name: "curly quotation marks" },
  "\u201e": { closers: '\u201c\u201d"', name: "curly quotation marks" },
  "\u201f": { closers: '\u201d"', name: "curly quotation marks" },
  "\u00ab": { closers: "\u00bb", name: "angle quotation marks" },
  "\u00bb": { closers: "\u00ab", name: "angle quotation marks" },
}
const WORD = /[\p{L}_$][\p{L}\p{N}_$.-]*/uy
const NUMBER_LIKE = /[-+]?(?:\.?\d(?:[eE][-+]\d|[\w.]|-\d)*|\.)/y
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/
const SIGNED_WORD = /[-+]\s*(?:Infinity|NaN|inf|nan)\b/iy
const HALF = /\p{Surrogate}/u
const JSON_WORDS = { true: "true", false: "false", null: "null", none: "null", undefined: "null", nil: "null" }
const NOT_FINITE = /^[-+]?\s*(?:nan|inf|infinity)$/i
const SIGNS = new Map(Array.from("{}[],:", (sign) => [sign.charCodeAt(0), sign]))
const OTHER_SPACE = /[\s\u200b-\u200d\u2060\ufeff\u0000-\u001f\u007f]/

/** The offsets at which the lines of `text` begin. */
function lineStartsOf(text) {
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

/** A quoted piece of what was found, short enough for a message. */
function shown(raw) {
  const line = raw.split("\n", 1)[0]
  return line.length > 40 ? `${line.slice(0, 37)}...` : line
}

/** The JSON spelling of `content`, a text as it was typed between the wrong quotation marks. */
function quoted(content) {
  return JSON.stringify(content.replace(/\\(['`])/g, "$1"))
}

const NAMES_OF_CHARACTERS = {
  "\u00a0": "a no-break space", "\u200b": "a zero-width space", "\ufeff": "a byte order mark", "\t": "a tab",
}

/** What to call a character that cannot be seen. */
function nameOf(character) {
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")
  const name = NAMES_OF_CHARACTERS[character]
  return name ? `${name} (U+${code})` : `the invisible character U+${code}`
}

class Reader {
  constructor(text) {
    this.text = text
    this.pos = 0
    this.line = 0
    this.lineStarts = lineStartsOf(text)
    this.tokens = []
    this.problems = []
    // After a mistake in the structure nothing on the same line can be judged well: one message a line is enough.
    this.quietLine = -1
    // Lines on which a text had no end: where its tokens begin and end there is a guess.
    this.guessed = new Set()
    this.grammatical = true
  }

  problem(code, from, to, message, fix) {
    if (!BESIDE_THE_GRAMMAR.has(code)) this.grammatical = false
    if (this.problems.length >= MOST_PROBLEMS) return
    this.problems.push({ code, from, to, severity: code === "empty" ? "warning" : "error", message, ...(fix && { fix }) })
  }

  structural(code, token, message, fix, from = token.from, to = token.to) {
    this.grammatical = false
    if (token.line === this.quietLine) return
    this.quietLine = token.line
    this.problem(code, from, to, message, fix)
  }

  // ---- tokens ------------------------------------------------------------------------------------------------

  /** Cuts the whole text into tokens; what is not JSON becomes the token it was probably meant to be, and a problem. */
  scan() {
    const { text } = this
    while (this.pos < text.length && this.problems.length < MOST_PROBLEMS) {
      const from = this.pos
      const unit = text.charCodeAt(from)
      if (unit === 32 || unit === 10 || unit === 9 || unit === 13) {
        if (unit === 10) this.line++
        this.pos++
      } else if (unit === 34) {
        this.scanString(from)
      } else if (SIGNS.has(unit)) {
        this.pos++
        this.push(SIGNS.get(unit), from)
      } else if (unit === 35 || (unit === 47 && (text[from + 1] === "/" || text[from + 1] === "*"))) {
        this.scanComment(from)
      } else if (WRONG_QUOTES[text[from]]) {
        this.scanWrongQuotes(from)
      } else if (this.matches(WORD)) {
        this.scanWord(from)
      } else if (this.matches(SIGNED_WORD) || this.matches(NUMBER_LIKE)) {
        this.scanNumber(from)
      } else {
        this.scanOther(from)
      }
    }
    return this.tokens
  }

  matches(pattern) {
    pattern.lastIndex = this.pos
    const match = pattern.exec(this.text)
    if (match) this.matchEnd = this.pos + match[0].length
    return match !== null
  }

  push(type, from, more) {
    const token = { type, from, to: this.pos, line: this.line, ...more }
    this.tokens.push(token)
    return token
  }

  endOfLine(from) {
    const end = this.text.indexOf("\n", from)
    return end < 0 ? this.text.length : end
  }

  scanString(from) {
    const { text } = this
    let at = from + 1
    let plain = true
    for (;; at++) {
      const unit = text.charCodeAt(at)
      if (unit === 34) break
      if (Number.isNaN(unit) || unit === 10) return this.unclosedString(from)
      if (unit === 92) {
        plain = false
        at++
        if (at >= text.length || text.charCodeAt(at) === 10) return this.unclosedString(from)
      } else if (unit < 32) plain = false
    }
    this.pos = at + 1
    if (!plain) this.checkEscapes(from + 1, at)
    this.checkHalves(from, at + 1, plain)
    return this.push("string", from)
  }

  unclosedString(from) {
    const { text } = this
    let end = this.endOfLine(from)
    while (end > from + 1 && /[\s,]/.test(text[end - 1])) end--
    // The usual place of the missing mark is before a comma or closing brace that ends the line.
    const closer = /[^\\\s"][ \t]*([}\]]+)$/.exec(text.slice(from, end))
    if (closer) end -= closer[1].length
    while (end > from + 1 && /[ \t]/.test(text[end - 1])) end--
    this.pos = end
    const wrongMark = /[\u201c\u201d\u2019\u00bb']$/.exec(text.slice(from + 1, end))
    const message = wrongMark
      ? `this text begins with " but ends with ${wrongMark[0]}: end it with "`
      : 'this text has no closing quotation mark: add " where it ends, and write \\n for a new line inside it'
    const change = wrongMark ? { from: end - 1, to: end, insert: '"' } : { from: end, to: end, insert: '"' }
    this.problem("unclosed-string", from, end, message, { label: 'Add the closing "', changes: [change] })
    this.guessed.add(this.line)
    return this.push("string", from, { content: text.slice(from + 1, wrongMark ? end - 1 : end) })
  }

  /** Reports the escapes and control characters between two offsets that JSON does not allow inside a text. */
  checkEscapes(from, to) {
    const { text } = this
    for (let at = from; at < to; at++) {
      const unit = text.charCodeAt(at)
      if (unit < 32) {
        const spelling = { 8: "\\b", 9: "\\t", 12: "\\f", 13: "\\r" }[unit] ?? `\\u${unit.toString(16).padStart(4, "0")}`
        this.problem("control-character", at, at + 1,
          `${nameOf(text[at])} may not stand inside a text as it is: write ${spelling}`,
          { label: `Write ${spelling}`, changes: [{ from: at, to: at + 1, insert: spelling }] })
      } else if (unit === 92) {
        const next = text[at + 1]
        if (next === "u") {
          const digits = /^[0-9a-fA-F]{4}/.test(text.slice(at + 2, Math.min(at + 6, to)))
          if (!digits) {
            this.problem("bad-escape", at, Math.min(at + 6, to), "\\u needs four hexadecimal digits after it, as in \\u00e9")
          }
        } else if (!'"\\/bfnrt'.includes(next)) {
          this.problem("bad-escape", at, at + 2,
            `\\${next} is not an escape of JSON: write \\\\ for a backslash${next === "'" ? ", and ' alone for an apostrophe" : ""}`,
            { label: next === "'" ? "Write ' alone" : "Write \\\\", changes: [{ from: at, to: at + 1, insert: next === "'" ? "" : "\\\\" }] })
        }
        at++
      }
    }
  }

  /** Reports half a character (one of the two codes of an emoji, say), which no server can store. */
  checkHalves(from, to, plain) {
    const raw = this.text.slice(from, to)
    if (plain ? !HALF.test(raw) : !/\\u[dD][89a-fA-F]/.test(raw) && !HALF.test(raw)) return
    let value = raw
    if (!plain) {
      try {
        value = JSON.parse(raw)
      } catch {
        return
      }
    }
    if (HALF.test(value)) {
      this.problem("half-character", from, to, "this text has half a character (a \\ud8xx without its \\udcxx, or the reverse): remove it or add the other half")
    }
  }

  scanComment(from) {
    const { text } = this
    const line = this.line
    if (text[from + 1] === "*" && text[from] === "/") {
      const end = text.indexOf("*/", from + 2)
      this.pos = end < 0 ? text.length : end + 2
      for (let at = from; at < this.pos; at++) if (text[at] === "\n") this.line++
    } else {
      this.pos = this.endOfLine(from)
    }
    let start = from
    if (this.pos === this.endOfLine(from)) while (start > this.lineStarts[line] && /[ \t]/.test(text[start - 1])) start--
    this.problem("comment", from, this.pos, "JSON has no comments: remove this one",
      { label: "Remove the comment", changes: [{ from: start, to: this.pos, insert: "" }] })
  }

  scanWrongQuotes(from) {
    const { text } = this
    const { closers, name } = WRONG_QUOTES[text[from]]
    const lineEnd = this.endOfLine(from)
    let end = -1
    let first = -1
    for (let at = from + 1; at < lineEnd; at++) {
      if (text[at] === "\\") { at++; continue }
      if (!closers.includes(text[at])) continue
      if (first < 0) first = at
      // An apostrophe inside the text (Maxi's) closes nothing: a closing mark has a sign of JSON or the end after it.
      let after = at + 1
      while (after < lineEnd && (text[after] === " " || text[after] === "\t")) after++
      if (after === lineEnd || ",:}]".includes(text[after])) { end = at; break }
    }
    if (end < 0) end = first
    if (end < 0) {
      end = lineEnd
      while (end > from + 1 && /[\s,]/.test(text[end - 1])) end--
      this.pos = end
      this.guessed.add(this.line)
    } else {
      this.pos = end + 1
    }
    const content = text.slice(from + 1, end)
    const spelling = quoted(content)
    this.problem("wrong-quotes", from, this.pos, `a text stands in straight double quotation marks, not in ${name}: write ${shown(spelling)}`,
      { label: "Use double quotation marks", changes: [{ from, to: this.pos, insert: spelling }] })
    this.push("string", from, { content })
  }

  scanNumber(from) {
    this.pos = this.matchEnd
    const raw = this.text.slice(from, this.pos)
    if (NUMBER.test(raw)) {
      if (!Number.isFinite(Number(raw))) {
        this.problem("number-too-large", from, this.pos, `${shown(raw)} is too large for a number: it would become infinite`)
      }
      this.push("number", from)
      return
    }
    if (NOT_FINITE.test(raw)) {
      this.notFinite(from, raw)
      this.push("number", from)
      return
    }
    const digits = raw.replace(/_/g, "")
    let correct = digits.replace(/^\+/, "").replace(/^(-?)\./, "$10.").replace(/^(-?)0+(?=\d)/, "$1").replace(/\.(?=$|[eE])/, "")
    if (!NUMBER.test(correct)) correct = ""
    let why = "is not a number of JSON"
    if (raw.startsWith("+")) why = "begins with +, which JSON does not allow"
    else if (/^-?\./.test(raw)) why = "begins with a point: JSON wants a digit before it"
    else if (/^-?0[xobXOB]/.test(raw)) why = "is not decimal: JSON has decimal numbers only"
    else if (/^-?0\d+$/.test(raw)) why = "begins with 0, which JSON does not allow"
    else if (/\.(?:$|[eE])/.test(raw)) why = "has no digit after its point"
    else if (raw.includes("_")) why = "has underscores, which JSON does not allow in a number"
    const todo = correct ? `write ${shown(correct)}, or "${shown(raw)}" if a text is meant` : `put it in double quotation marks if a text is meant: "${shown(raw)}"`
    this.problem("bad-number", from, this.pos, `${shown(raw)} ${why}: ${todo}`, correct
      ? { label: `Write ${shown(correct)}`, changes: [{ from, to: this.pos, insert: correct }] }
      : { label: "Put it in quotation marks", changes: [{ from, to: this.pos, insert: JSON.stringify(raw) }] })
    this.push("number", from, { bad: true })
  }

  notFinite(from, raw) {
    this.problem("not-finite", from, this.pos, `${shown(raw)} is not a number of JSON: write a number, or null for none`,
      { label: "Write null", changes: [{ from, to: this.pos, insert: "null" }] })
  }

  scanWord(from) {
    this.pos = this.matchEnd
    const raw = this.text.slice(from, this.pos)
    if (raw === "true" || raw === "false" || raw === "null") this.push("literal", from)
    else this.push("word", from, { content: raw })
  }

  scanOther(from) {
    const { text } = this
    const character = String.fromCodePoint(text.codePointAt(from))
    if (OTHER_SPACE.test(character)) {
      while (this.pos < text.length && text.startsWith(character, this.pos)) this.pos++
      this.problem("invisible", from, this.pos, `${nameOf(character)} stands here: remove it`,
        { label: "Remove it", changes: [{ from, to: this.pos, insert: /\s/.test(character) && character !== "\ufeff" ? " " : "" }] })
      return
    }
    this.pos += character.length
    const meant = { "=": ":", ";": ",", "\uff1a": ":", "\uff0c": ",", "\uff1b": ",", "\uff5b": "{", "\uff5d": "}" }[character]
    if (meant) {
      this.problem("wrong-sign", from, this.pos, `${character} is not a sign of JSON: write ${meant}`,
        { label: `Write ${meant}`, changes: [{ from, to: this.pos, insert: meant }] })
      this.push(meant, from)
    } else {
      this.push("other", from)
    }
  }

  // ---- structure ---------------------------------------------------------------------------------------------

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
    this.finish()
    return { root: this.root, tokens, problems: this.problems, grammatical: this.grammatical, lineStarts: this.lineStarts }
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
    if (token.type === "string") return { type: "string", from: token.from, to: token.to, value: this.stringValue(token) }
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
      const node = token.type === "{"
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
      this.problem("unknown-word", token.from, token.to, `${raw} is not a value of JSON: write ${literal}`,
        { label: `Write ${literal}`, changes: [{ from: token.from, to: token.to, insert: literal }] })
      return
    }
    this.grammatical = false
    if (token.line === this.quietLine) return
    // Words up to the end of the value, as in Maxi Academy, are one text that lacks its marks.
    const rest = /^[^",:{}[\]\n]*/.exec(this.text.slice(token.from, this.endOfLine(token.from)))[0].trimEnd()
    this.structural("unknown-word", token, `${shown(rest)} is not a value of JSON: put a text in double quotation marks, as in ${shown(JSON.stringify(rest))}`,
      { label: "Put it in quotation marks", changes: [{ from: token.from, to: token.from + rest.length, insert: JSON.stringify(rest) }] })
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
        this.problem("text-after-end", token.from, token.to,
          `this ${token.type} closes nothing: there is one too many, or one that opens is missing before it`,
          { label: "Remove it", changes: [{ from: token.from, to: token.to, insert: "" }] })
      } else {
        const last = this.tokens[this.tokens.length - 1]
        this.problem("text-after-end", token.from, last.to,
          `nothing may follow ${closes} on line ${this.place(this.root.to - 1).line}, but ${shown(this.raw(token))} stands here`,
          token.type === "," ? { label: "Remove the comma", changes: [{ from: token.from, to: token.to, insert: "" }] } : undefined)
      }
      return false
    }
    if (token.type === "}" || token.type === "]") {
      this.problem("unexpected", token.from, token.to, `this ${token.type} closes nothing: write ${CLOSING[token.type]} before it`)
      return false
    }
    if (this.isKeyLike(token) && this.next()?.type === ":") {
      this.problem("no-braces", token.from, token.to, "the keys and values must stand in braces: write { before the first and } after the last")
      return false
    }
    if (!this.startsValue(token)) {
      this.problem("unexpected", token.from, token.to, `${shown(this.raw(token))} may not stand here: the text must begin with {`)
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
    if (this.isKeyLike(token) && (token.type === "string" || this.next()?.type === ":")) return this.takeKey(frame, token)
    if (token.type === "word" && !this.startsValue(this.next()) && this.next()?.type !== "other") {
      // A lone word that stands for a key not finished yet.
      this.takeKey(frame, token)
      return undefined
    }
    this.structural("key-expected", token,
      `a key in double quotation marks must stand here, as in "KEY": value, but ${shown(this.raw(token))} was found`)
    if (token.type === "{" || token.type === "[") this.value(token)
    else frame.state = "junk"
    return undefined
  }

  takeKey(frame, token) {
    const raw = this.raw(token)
    const name = token.type === "string" ? this.stringValue(token) : raw
    const key = { from: token.from, to: token.to, value: name }
    if (token.type !== "string") {
      this.problem("unquoted-key", token.from, token.to, `a key stands in double quotation marks: write ${shown(JSON.stringify(raw))}`,
        { label: "Put it in quotation marks", changes: [{ from: token.from, to: token.to, insert: JSON.stringify(raw) }] })
    }
    frame.keys ??= new Map()
    const earlier = frame.keys.get(name)
    if (earlier) {
      const place = this.place(earlier.from)
      this.problem("duplicate-key", token.from, token.to,
        `the key ${shown(JSON.stringify(name))} stands already on line ${place.line}, column ${place.column}: keep one of the two`)
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
      this.structural("missing-colon", token, `a colon is missing between the key ${name} and its value: write : here`,
        { label: "Add the colon", changes: [{ from: at, to: at, insert: ":" }] }, at, at)
      frame.state = "value"
      return this.value(token)
    }
    if (token.type === "other") {
      this.structural("unexpected", token, `${shown(this.raw(token))} may not stand here: a colon must follow the key ${name}`)
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
      this.structural("unexpected", token, "there is one colon too many here: remove it",
        { label: "Remove the colon", changes: [{ from: token.from, to: token.to, insert: "" }] })
      return undefined
    }
    if (token.type === "other") {
      this.structural("unexpected", token, `${shown(this.raw(token))} may not stand here: a value must follow the colon`)
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
    if (this.isKeyLike(token) && (this.next()?.type === ":" || (token.type === "string" && token.line > this.previous().line))) {
      // After something that was no key there is no telling whether a comma is missing.
      if (frame.state !== "junk") this.missingComma(token)
      return this.takeKey(frame, token)
    }
    if (token.type === ":") {
      this.structural("unexpected", token, "a colon may not stand here: a comma or the closing brace must follow the value")
      frame.state = "value"
      return undefined
    }
    this.structural("unexpected", token,
      `${shown(this.raw(token))} may not stand here: a comma or the closing brace must follow the value`)
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
    this.structural("unexpected", token, token.type === ":"
      ? "a list in [ ] has values only: for keys with values use braces { }"
      : `${shown(this.raw(token))} may not stand in a list`)
    return undefined
  }

  missingComma(token) {
    const at = this.previous().to
    this.structural("missing-comma", token, `a comma is missing here, before ${shown(this.raw(token))}`,
      { label: "Add the comma", changes: [{ from: at, to: at, insert: "," }] }, at, at)
  }

  trailingComma(frame, token) {
    if (!frame.comma || frame.state === "start") return
    const { comma } = frame
    const closer = token.type === "}" ? "brace" : "bracket"
    this.problem("trailing-comma", comma.from, comma.to, `a comma may not stand before the closing ${closer}: remove it`,
      { label: "Remove the comma", changes: [{ from: comma.from, to: comma.to, insert: "" }] })
  }

  extraComma(frame, token) {
    const opener = frame.node.type === "object" ? "brace" : "bracket"
    const message = frame.state === "start"
      ? `a comma may not stand right after the opening ${opener}: remove it`
      : "there is one comma too many here: remove it"
    this.problem("extra-comma", token.from, token.to, message,
      { label: "Remove the comma", changes: [{ from: token.from, to: token.to, insert: "" }] })
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
      this.structural("not-closed", token,
        `the ${opener} of line ${place.line}, column ${place.column} is still open here: write ${wanted} before this ${token.type}`,
        { label: `Add ${wanted}`, changes: [{ from: token.from, to: token.from, insert: wanted }] })
      while (this.stack.length > below + 1) this.pop(token)
      return this.pop(token)
    }
    this.structural("wrong-closer", token,
      `the ${opener} of line ${place.line}, column ${place.column} is closed with ${wanted}, not with ${token.type}`,
      { label: `Write ${wanted}`, changes: [{ from: token.from, to: token.to, insert: wanted }] })
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
      const missing = this.stack.map((open) => OPENING[open.token.type]).reverse().join("")
      for (const open of this.stack) open.node.to = text.trimEnd().length
      const rest = this.stack.length > 1 ? ` (${missing.length} are still open: add ${shown(missing)} at the end)` : `: add ${missing} where it ends`
      this.problem("not-closed", frame.token.from, frame.token.to, `this ${frame.token.type} is never closed${rest}`,
        { label: `Add ${shown(missing)} at the end`, changes: [{ from: text.trimEnd().length, to: text.trimEnd().length, insert: missing }] })
    }
    if (this.root && this.root.type !== "object" && this.root.type !== "unknown") {
      const found = { array: "a list", string: "a text", number: "a number", boolean: "true or false", null: "null" }[this.root.type]
      this.problem("not-an-object", this.root.from, this.root.type === "array" ? this.root.from + 1 : this.root.to,
        `the whole must be one object, { "KEY": value, ... }, but it is ${found}`)
    }
    this.problems.sort((a, b) => a.from - b.from || a.to - b.to)
  }

  place(pos) {
    return placeAt(this.text, this.lineStarts, pos)
  }
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
  for (let left = Math.max(column, 1) - 1; left > 0 && at < end; left--) at += at + 1 < end && isTail(text, at + 1) ? 2 : 1
  return at
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
