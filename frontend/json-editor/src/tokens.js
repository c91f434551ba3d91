// Cutting a text into the tokens of JSON, with a problem for each that is not quite one.

import { lineStartsOf } from "./places.js"

/** Reading stops after so many problems: such a text is hardly JSON at all, and a longer list helps nobody. */
export const MOST_PROBLEMS = 100

const BESIDE_THE_GRAMMAR = new Set(["duplicate-key", "not-an-object", "empty", "number-too-large", "half-character"])

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
export const NOT_FINITE = /^[-+]?\s*(?:nan|inf|infinity)$/i
const SIGNS = new Map(Array.from("{}[],:", (sign) => [sign.charCodeAt(0), sign]))
const OTHER_SPACE = /[\s\u200b-\u200d\u2060\ufeff\u0000-\u001f\u007f]/

/** A quoted piece of what was found, short enough for a message. */
export function shown(raw) {
  const line = raw.split("\n", 1)[0]
  return line.length > 40 ? `${line.slice(0, 37)}...` : line
}

/** The JSON spelling of `content`, a text as it was typed between the wrong quotation marks. */
function quoted(content) {
  return JSON.stringify(content.replace(/\\(['`])/g, "$1"))
}

const NAMES_OF_CHARACTERS = {
  "\u00a0": "a no-break space",
  "\u200b": "a zero-width space",
  "\ufeff": "a byte order mark",
  "\t": "a tab",
}

/** What to call a character that cannot be seen. */
function nameOf(character) {
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")
  const name = NAMES_OF_CHARACTERS[character]
  return name ? `${name} (U+${code})` : `the invisible character U+${code}`
}

/**
 * Cuts a text into tokens: {type, from, to, line}, the type being one of { } [ ] : , "string", "number", "literal"
 * (true, false, null), "word" (letters that are none of these) and "other". What is not JSON becomes the token that
 * it was probably meant to be, and a problem; comments become a problem and no token.
 */
export class Scanner {
  constructor(text) {
    this.text = text
    this.pos = 0
    this.line = 0
    this.lineStarts = lineStartsOf(text)
    this.tokens = []
    this.problems = []
    // Lines on which a text had no end: where its tokens begin and end there is a guess.
    this.guessed = new Set()
    this.grammatical = true
  }

  /** Notes a mistake; see json.js for what it holds. */
  problem(code, from, to, message, fix) {
    if (!BESIDE_THE_GRAMMAR.has(code)) this.grammatical = false
    if (this.problems.length >= MOST_PROBLEMS) return
    this.problems.push({
      code,
      from,
      to,
      severity: code === "empty" ? "warning" : "error",
      message,
      ...(fix && { fix }),
    })
  }

  /** Cuts the whole text, or as much of it as gives MOST_PROBLEMS. */
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
    for (; ; at++) {
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
        const spelling =
          { 8: "\\b", 9: "\\t", 12: "\\f", 13: "\\r" }[unit] ?? `\\u${unit.toString(16).padStart(4, "0")}`
        this.problem(
          "control-character",
          at,
          at + 1,
          `${nameOf(text[at])} may not stand inside a text as it is: write ${spelling}`,
          { label: `Write ${spelling}`, changes: [{ from: at, to: at + 1, insert: spelling }] },
        )
      } else if (unit === 92) {
        const next = text[at + 1]
        if (next === "u") {
          const digits = /^[0-9a-fA-F]{4}/.test(text.slice(at + 2, Math.min(at + 6, to)))
          if (!digits) {
            this.problem(
              "bad-escape",
              at,
              Math.min(at + 6, to),
              "\\u needs four hexadecimal digits after it, as in \\u00e9",
            )
          }
        } else if (!'"\\/bfnrt'.includes(next)) {
          this.problem(
            "bad-escape",
            at,
            at + 2,
            `\\${next} is not an escape of JSON: write \\\\ for a backslash${next === "'" ? ", and ' alone for an apostrophe" : ""}`,
            {
              label: next === "'" ? "Write ' alone" : "Write \\\\",
              changes: [{ from: at, to: at + 1, insert: next === "'" ? "" : "\\\\" }],
            },
          )
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
      this.problem(
        "half-character",
        from,
        to,
        "this text has half a character (a \\ud8xx without its \\udcxx, or the reverse): remove it or add the other half",
      )
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
    if (this.pos === this.endOfLine(from))
      while (start > this.lineStarts[line] && /[ \t]/.test(text[start - 1])) start--
    this.problem("comment", from, this.pos, "JSON has no comments: remove this one", {
      label: "Remove the comment",
      changes: [{ from: start, to: this.pos, insert: "" }],
    })
  }

  scanWrongQuotes(from) {
    const { text } = this
    const { closers, name } = WRONG_QUOTES[text[from]]
    const lineEnd = this.endOfLine(from)
    let end = -1
    let first = -1
    for (let at = from + 1; at < lineEnd; at++) {
      if (text[at] === "\\") {
        at++
        continue
      }
      if (!closers.includes(text[at])) continue
      if (first < 0) first = at
      // An apostrophe inside the text (Maxi's) closes nothing: a closing mark has a sign of JSON or the end after it.
      let after = at + 1
      while (after < lineEnd && (text[after] === " " || text[after] === "\t")) after++
      if (after === lineEnd || ",:}]".includes(text[after])) {
        end = at
        break
      }
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
    this.problem(
      "wrong-quotes",
      from,
      this.pos,
      `a text stands in straight double quotation marks, not in ${name}: write ${shown(spelling)}`,
      { label: "Use double quotation marks", changes: [{ from, to: this.pos, insert: spelling }] },
    )
    this.push("string", from, { content })
  }

  scanNumber(from) {
    this.pos = this.matchEnd
    const raw = this.text.slice(from, this.pos)
    if (NUMBER.test(raw)) {
      if (!Number.isFinite(Number(raw))) {
        this.problem(
          "number-too-large",
          from,
          this.pos,
          `${shown(raw)} is too large for a number: it would become infinite`,
        )
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
    let correct = digits
      .replace(/^\+/, "")
      .replace(/^(-?)\./, "$10.")
      .replace(/^(-?)0+(?=\d)/, "$1")
      .replace(/\.(?=$|[eE])/, "")
    if (!NUMBER.test(correct)) correct = ""
    let why = "is not a number of JSON"
    if (raw.startsWith("+")) why = "begins with +, which JSON does not allow"
    else if (/^-?\./.test(raw)) why = "begins with a point: JSON wants a digit before it"
    else if (/^-?0[xobXOB]/.test(raw)) why = "is not decimal: JSON has decimal numbers only"
    else if (/^-?0\d+$/.test(raw)) why = "begins with 0, which JSON does not allow"
    else if (/\.(?:$|[eE])/.test(raw)) why = "has no digit after its point"
    else if (raw.includes("_")) why = "has underscores, which JSON does not allow in a number"
    const todo = correct
      ? `write ${shown(correct)}, or "${shown(raw)}" if a text is meant`
      : `put it in double quotation marks if a text is meant: "${shown(raw)}"`
    this.problem(
      "bad-number",
      from,
      this.pos,
      `${shown(raw)} ${why}: ${todo}`,
      correct
        ? { label: `Write ${shown(correct)}`, changes: [{ from, to: this.pos, insert: correct }] }
        : { label: "Put it in quotation marks", changes: [{ from, to: this.pos, insert: JSON.stringify(raw) }] },
    )
    this.push("number", from, { bad: true })
  }

  notFinite(from, raw) {
    this.problem(
      "not-finite",
      from,
      this.pos,
      `${shown(raw)} is not a number of JSON: write a number, or null for none`,
      { label: "Write null", changes: [{ from, to: this.pos, insert: "null" }] },
    )
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
      this.problem("invisible", from, this.pos, `${nameOf(character)} stands here: remove it`, {
        label: "Remove it",
        changes: [{ from, to: this.pos, insert: /\s/.test(character) && character !== "\ufeff" ? " " : "" }],
      })
      return
    }
    this.pos += character.length
    const meant = { "=": ":", ";": ",", "\uff1a": ":", "\uff0c": ",", "\uff1b": ",", "\uff5b": "{", "\uff5d": "}" }[
      character
    ]
    if (meant) {
      this.problem("wrong-sign", from, this.pos, `${character} is not a sign of JSON: write ${meant}`, {
        label: `Write ${meant}`,
        changes: [{ from, to: this.pos, insert: meant }],
      })
      this.push(meant, from)
    } else {
      this.push("other", from)
    }
  }
}
