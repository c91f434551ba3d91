import assert from "node:assert/strict"
import { describe, it } from "node:test"

import { contextAt, ITEM, memberAt } from "../src/context.js"
import { readJson } from "../src/json.js"

/** The context at the bar | in a text. */
function at(marked) {
  const pos = marked.indexOf("|")
  const text = marked.replace("|", "")
  const context = contextAt(text, readJson(text).tokens, pos)
  return (
    context && {
      ...context,
      there: text.slice(context.from, context.to),
      present: [...context.present].sort(),
      next: context.next?.type ?? null,
    }
  )
}

describe("what is about to be written", () => {
  const KEYS = [
    ["{|}", "", [], []],
    ['{"PL|"}', '"PL"', [], []],
    ['{"PL|', '"PL', [], []],
    ["{PL|}", "PL", [], []],
    ['{"a": 1, |"b": 2}', "", [], ["a", "b"]],
    ['{"a": 1, "|": 3, "b": 2}', '""', [], ["a", "b"]],
    ['{"a": 1\n  "P|"\n}', '"P"', [], ["a"]],
    ['{"F": {"x": 1, "y|"}, "b": 1}', '"y"', ["F"], ["x"]],
    ['{"L": [{"|"}]}', '""', ["L", ITEM], []],
  ]
  for (const [marked, there, path, present] of KEYS) {
    it(`a key at ${JSON.stringify(marked)}`, () => {
      const context = at(marked)
      assert.equal(context?.kind, "key")
      assert.equal(context.there, there)
      assert.deepEqual(context.path, path)
      assert.deepEqual(context.present, present)
    })
  }

  const VALUES = [
    ['{"a": |}', "", ["a"]],
    ['{"a": tr|}', "tr", ["a"]],
    ['{"a": tr|ue, "b": 1}', "true", ["a"]],
    ['{"a": "e|"}', '"e"', ["a"]],
    ['{"a": {"b": |', "", ["a", "b"]],
    ['{"a": [|]}', "", ["a", ITEM]],
    ['{"a": ["x", "|"]}', '""', ["a", ITEM]],
    ['{"x": [1, {}], "a": |}', "", ["a"]],
  ]
  for (const [marked, there, path] of VALUES) {
    it(`a value at ${JSON.stringify(marked)}`, () => {
      const context = at(marked)
      assert.equal(context?.kind, "value")
      assert.equal(context.there, there)
      assert.deepEqual(context.path, path)
    })
  }

  for (const marked of ["|", "|{}", "{}|", '{"a"|: 1}', '{"a": "b"|}', '{"a": 1 |}', '{"a" |}']) {
    it(`nothing at ${JSON.stringify(marked)}`, () => assert.equal(at(marked), null))
  }

  it("says what follows", () => {
    assert.equal(at('{"a|": 1}').next, ":")
    assert.equal(at('{"a|"}').next, "}")
    assert.equal(at('{"a|"').next, null)
  })
})

describe("the key at a place", () => {
  const text = '{"a": {"b": [1, {"c": "x"}]}, "d": 2}'
  const { root } = readJson(text)
  const path = (needle) => memberAt(root, text.indexOf(needle))?.path

  it("is the innermost one around it", () => {
    assert.deepEqual(path("a"), ["a"])
    assert.deepEqual(path("b"), ["a", "b"])
    assert.deepEqual(path("1"), ["a", "b"])
    assert.deepEqual(path("x"), ["a", "b", ITEM, "c"])
    assert.deepEqual(path("2"), ["d"])
  })

  it("is none outside of every member", () => {
    assert.equal(memberAt(root, 0), null)
    assert.equal(memberAt(null, 0), null)
  })
})
