import assert from "node:assert/strict"
import { describe, it } from "node:test"

import { applyChanges } from "../src/format.js"
import { readJson } from "../src/json.js"
import { offsetOf, placeAt } from "../src/places.js"
import { MOST_PROBLEMS } from "../src/tokens.js"

/** The problems of a text as ["line:column code", ...]. */
function found(text) {
  const read = readJson(text)
  return read.problems.map(({ from, code }) => {
    const { line, column } = placeAt(text, read.lineStarts, from)
    return `${line}:${column} ${code}`
  })
}

const messages = (text) => readJson(text).problems.map(({ message }) => message)

/** What a text becomes when the first fix is taken again and again. */
function mended(text) {
  for (let turn = 0; turn < 50; turn++) {
    const problem = readJson(text).problems.find(({ fix }) => fix)
    if (!problem) return text
    text = applyChanges(text, problem.fix.changes)
  }
  return text
}

const TALK = `{
  "PLATFORM_NAME": "Maxi's Academy",
  "SITE_NAME": "maxi-academy.example.com",
  "course_org_filter": "maxi-academy",
  "ENABLE_COMBINED_LOGIN_REGISTRATION": true,
}`

describe("what is JSON", () => {
  const VALID = [
    "{}",
    " {\n} ",
    '{"a": 1}',
    '{"a": [], "b": {}, "c": [1, -0, 1.0, 1e3, 1E-2, -12.5e+7]}',
    '{"": ""}',
    '{"a": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 \u{1F600} \u2028"}',
    '{"a": true, "b": false, "c": null}',
    '{"a": {"b": {"c": [[[{}]]]}}}',
    '{"a": "// # /* \' , }"}',
    '{\r\n"a"\t:\r\n1\r\n}',
  ]
  for (const text of VALID) {
    it(`${JSON.stringify(text)} has no problem, as for JSON.parse`, () => {
      JSON.parse(text)
      const read = readJson(text)
      assert.deepEqual(read.problems, [])
      assert.equal(read.grammatical, true)
    })
  }

  it("agrees with JSON.parse on 20,000 mangled texts about what is JSON", () => {
    let seed = 7
    const random = (below) => {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed % below
    }
    const base = '{"a": [1, 2.50, "x\\u00e9\\n", true, null], "b": {"c": -1e5, "d": {}}, "e": ""}'
    const pieces = Array.from("{}[]\",:'#/\\ \n\t-+.019eEtruefalsnNu\u00a0\u201c=;")
    for (let turn = 0; turn < 20000; turn++) {
      let text = base
      for (let edits = random(3) + 1; edits > 0; edits--) {
        const at = random(text.length)
        text = text.slice(0, at) + (random(2) ? pieces[random(pieces.length)] : "") + text.slice(at + random(2))
      }
      let valid = true
      try {
        JSON.parse(text)
      } catch {
        valid = false
      }
      const read = readJson(text)
      assert.equal(read.grammatical, valid, text)
      if (!valid) assert.ok(read.problems.length, text)
    }
  })
})

describe("mistakes and their places", () => {
  const CASES = [
    ["a trailing comma, at the comma itself", TALK, ["5:45 trailing-comma"]],
    ["a trailing comma far from its brace", '{"a": 1,\n\n\n}', ["1:8 trailing-comma"]],
    ["a trailing comma in a list", '{"a": [1, 2,]}', ["1:12 trailing-comma"]],
    ["one comma too many", '{"a": 1,, "b": 2}', ["1:9 extra-comma"]],
    ["a comma after the opening brace", '{, "a": 1}', ["1:2 extra-comma"]],
    ["a comment to the end of the line", '{"a": 1 // one\n}', ["1:9 comment"]],
    ["a comment with a hash", '# site\n{"a": 1}', ["1:1 comment"]],
    ["a comment of several lines", '{"a": 1, /* x\ny */ "b": NaN}', ["1:10 comment", "2:11 not-finite"]],
    ["a comment that never ends", '{"a": 1 /* x', ["1:1 not-closed", "1:9 comment"]],
    ["single quotes, an apostrophe inside them", "{'a': 'Maxi's Academy'}", ["1:2 wrong-quotes", "1:7 wrong-quotes"]],
    ["curly quotes", "{\u201ca\u201d: \u201cb\u201d}", ["1:2 wrong-quotes", "1:7 wrong-quotes"]],
    ["an unquoted key", "{a: 1, b-c: 2}", ["1:2 unquoted-key", "1:8 unquoted-key"]],
    ["a number as a key", "{1: 1}", ["1:2 unquoted-key"]],
    [
      "NaN and Infinity, with their signs",
      '{"a": NaN, "b": Infinity, "c": -Infinity}',
      ["1:7 not-finite", "1:17 not-finite", "1:32 not-finite"],
    ],
    ["a key that stands twice", '{"a": 1,\n "a": 2}', ["2:2 duplicate-key"]],
    ["a key that stands twice in another spelling", '{"a": 1, "\\u0061": 2}', ["1:10 duplicate-key"]],
    ["the same key in two objects is fine", '{"a": {"a": 1}, "b": {"a": 1}}', []],
    ["a missing comma between members", '{"a": 1\n "b": 2}', ["1:8 missing-comma"]],
    ["a missing comma in a list", '{"a": [1 2]}', ["1:9 missing-comma"]],
    ["a missing colon", '{"a" 1}', ["1:5 missing-colon"]],
    ["a missing value", '{"a": }', ["1:5 missing-value"]],
    ["a key alone", '{"a"}', ["1:2 missing-value"]],
    ["a missing key", "{: 1}", ["1:2 missing-key"]],
    ["two colons", '{"a":: 1}', ["1:6 unexpected"]],
    ["an unclosed text", '{"a": "abc,\n "b": 1}', ["1:7 unclosed-string"]],
    ["an unclosed text before the closing brace", '{"a": "abc}', ["1:7 unclosed-string"]],
    ["an unclosed text at the end", '{"a": "abc', ["1:1 not-closed", "1:7 unclosed-string"]],
    ["an unclosed brace", '{"a": 1', ["1:1 not-closed"]],
    ["three of them, once, at the innermost", '{"a": [1, {"b": 2', ["1:11 not-closed"]],
    ["a list closed with a brace", '{"a": [1, 2}', ["1:12 not-closed"]],
    ["an object closed with a bracket", '{"a": 1]', ["1:8 wrong-closer"]],
    ["a brace too many", '{"a": 1}}', ["1:9 text-after-end"]],
    ["text after the end", '{"a": 1} x', ["1:10 text-after-end"]],
    ["no braces at all", '"a": 1, "b": 2', ["1:1 no-braces"]],
    ["a list on top", "[1, 2]", ["1:1 not-an-object"]],
    ["a text on top", '"a"', ["1:1 not-an-object"]],
    ["null on top", "null", ["1:1 not-an-object"]],
    ["nothing", " \n ", ["1:1 empty"]],
    [
      "words of Python and JavaScript",
      '{"a": True, "b": None, "c": undefined}',
      ["1:7 unknown-word", "1:18 unknown-word", "1:29 unknown-word"],
    ],
    ["a text without its marks, once a line", '{"a": Maxi Academy\n, "b": 1}', ["1:7 unknown-word"]],
    [
      "numbers that are none",
      '{"a": 01, "b": +1, "c": .5, "d": 5., "e": 0x1F, "f": 1_000, "g": 2024-01-01}',
      ["1:7", "1:16", "1:25", "1:34", "1:43", "1:54", "1:66"].map((place) => `${place} bad-number`),
    ],
    ["a number too large for a computer", '{"a": 1e999}', ["1:7 number-too-large"]],
    ["escapes that are none", '{"a": "x\\q", "b": "\\u12"}', ["1:9 bad-escape", "1:20 bad-escape"]],
    ["a tab inside a text", '{"a": "x\ty"}', ["1:9 control-character"]],
    ["half a character", '{"a": "\\ud83d"}', ["1:7 half-character"]],
    ["invisible characters", '\ufeff{\u00a0"a": 1}', ["1:1 invisible", "1:3 invisible"]],
    ["signs of other languages", '{"a" = 1; "b": 2}', ["1:6 wrong-sign", "1:9 wrong-sign"]],
    ["a list with keys", '{"a": ["b": 1]}', ["1:11 unexpected"]],
    ["something that is no key, once", '{!\n"a": 1, @, "b": 2}', ["1:2 key-expected", "2:9 key-expected"]],
    ["an object where a key should be", "{{}}", ["1:2 key-expected"]],
  ]
  for (const [name, text, expected] of CASES) it(`${name} is found`, () => assert.deepEqual(found(text), expected))

  it("columns count characters, so that an emoji is one, as on the server", () => {
    assert.deepEqual(found('{"\u{1F600}\u{1F600}": 1,}'), ["1:9 trailing-comma"])
  })

  it("messages say what to do", () => {
    assert.deepEqual(messages(TALK), ["a comma may not stand before the closing brace: remove it"])
    assert.deepEqual(messages('{"a": [1,]}'), ["a comma may not stand before the closing bracket: remove it"])
    assert.deepEqual(messages('{"a": 1, "a": 2}'), [
      'the key "a" stands already on line 1, column 2: keep one of the two',
    ])
    assert.deepEqual(messages("{a: 1}"), ['a key stands in double quotation marks: write "a"'])
    assert.deepEqual(messages('{"a": +1}'), [
      '+1 begins with +, which JSON does not allow: write 1, or "+1" if a text is meant',
    ])
    assert.deepEqual(messages("[]"), ['the whole must be one object, { "KEY": value, ... }, but it is a list'])
    assert.deepEqual(messages('{"a": 1'), ["this { is never closed: add } where it ends"])
  })

  it("a long text is cut short in a message", () => {
    const [message] = messages(`{"a": ${"x".repeat(5000)}}`)
    assert.ok(message.length < 200, message)
  })
})

describe("fixes", () => {
  const CASES = [
    [TALK, TALK.replace("true,", "true")],
    ["{'a': 'Maxi's \"A\"', b: True, // x\n\"c\": NaN,}", '{"a": "Maxi\'s \\"A\\"", "b": true,\n"c": null}'],
    ['{"a": 1\n "b" 2}', '{"a": 1,\n "b": 2}'],
    ['{"a": [1, {"b": 2', '{"a": [1, {"b": 2}]}'],
    ['{"a": Maxi Academy, "b": 0x1F, "c": 007}', '{"a": "Maxi Academy", "b": "0x1F", "c": 7}'],
    ['{"a": "x\\qy\\\'s", "b": "\t"}', '{"a": "x\\\\qy\'s", "b": "\\t"}'],
    ['\ufeff{"a"\u00a0= 1;}', '{"a" : 1}'],
    ['{"a": "abc,\n "b": 1}', '{"a": "abc",\n "b": 1}'],
    ['{"a": [1}', '{"a": [1]}'],
  ]
  for (const [text, expected] of CASES) {
    it(`${JSON.stringify(text)} is mended by its own fixes`, () => {
      assert.equal(mended(text), expected)
      JSON.parse(expected)
    })
  }
})

describe("places", () => {
  it("an offset and its line and column lead to each other", () => {
    const text = '{\n  "\u{1F600}": 1\n}'
    const { lineStarts } = readJson(text)
    for (const at of [0, 1, 4, 5, 7, 8, 12, text.length]) {
      const { line, column } = placeAt(text, lineStarts, at)
      assert.equal(offsetOf(text, lineStarts, line, column), at)
    }
  })

  it("a place outside of the text becomes the nearest inside", () => {
    const text = "{\n}"
    const { lineStarts } = readJson(text)
    assert.equal(offsetOf(text, lineStarts, 0, 0), 0)
    assert.equal(offsetOf(text, lineStarts, 1, 99), 1)
    assert.equal(offsetOf(text, lineStarts, 99, 1), 3)
  })
})

describe("a text with too many problems to read on", () => {
  it("is not called JSON, so that no formatting can cut its end off", () => {
    const many = Array.from({ length: 150 }, () => "1e999").join(", ")
    assert.equal(readJson(`{"a": [${many}]}`).grammatical, false)
    const twice = Array.from({ length: 150 }, () => '"a": 1').join(", ")
    assert.equal(readJson(`{${twice}}`).grammatical, false)
  })
})

describe("large and hostile texts", () => {
  const within = (milliseconds, text) => {
    const start = performance.now()
    const read = readJson(text)
    const took = performance.now() - start
    assert.ok(took < milliseconds, `${Math.round(took)} ms`)
    return read
  }

  it("a text nested 200,000 deep does not exhaust the stack", () => {
    assert.equal(within(5000, "[".repeat(200000)).problems.length, 2)
    assert.deepEqual(within(5000, `{"a": ${"[".repeat(200000)}${"]".repeat(200000)}}`).problems, [])
  })

  it("5 MB are read in one go", () => {
    const text = `{${Array.from({ length: 160000 }, (_, i) => `"key${i}": {"a": [1, 2.0, "x"]}`).join(",")}}`
    assert.ok(text.length > 5_000_000)
    assert.deepEqual(within(20000, text).problems, [])
  })

  it("a text of nothing but mistakes stops being read", () => {
    for (const text of [
      "'a ".repeat(100000),
      "a: ".repeat(100000),
      `[${"a ".repeat(100000)}`,
      '"'.repeat(200001),
      `{"a": "${"}".repeat(100000)}`,
      "}]".repeat(100000),
      "//\n".repeat(100000),
      `{"a": ${"{]".repeat(50000)}`,
    ]) {
      assert.ok(within(5000, text).problems.length <= MOST_PROBLEMS)
    }
  })
})
