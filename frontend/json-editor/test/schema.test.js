import assert from "node:assert/strict"
import { describe, it } from "node:test"

import { contextAt, ITEM } from "../src/context.js"
import { applyChanges } from "../src/format.js"
import { readJson } from "../src/json.js"
import {
  checkKeys,
  describe as describeKey,
  keyProposals,
  nearest,
  typeInWords,
  valueProposals,
  valueSkeleton,
} from "../src/schema.js"

const KEYS = {
  PLATFORM_NAME: {
    schema: { type: "string", minLength: 1 },
    meaning: "The name of the platform.",
    default: "Your Platform",
    secret: false,
    tenant_writable: true,
  },
  course_org_filter: {
    schema: { type: ["string", "array"], items: { type: "string" } },
    meaning: "Whose courses are shown.",
    default: null,
  },
  ENABLE_X: { schema: { type: "boolean" }, meaning: "Turns X on.", default: false },
  LIMIT: { schema: { type: "integer", minimum: 1, maximum: 10 }, default: 5 },
  RATIO: { schema: { type: "number" } },
  LANGUAGE: { schema: { enum: ["en", "de", null] }, example: "de" },
  EITHER: { schema: { anyOf: [{ type: "boolean" }, { type: "string", maxLength: 3 }] } },
  FEATURES: {
    schema: {
      type: "object",
      properties: { A: { type: "boolean", description: "About A.", default: true }, B: { enum: ["x"] } },
      additionalProperties: false,
    },
  },
  MAP: { schema: { type: "object", additionalProperties: { type: "integer" } } },
  KEY_OF_API: { schema: { type: "string" }, secret: true, tenant_writable: false, meaning: "A key." },
  DEBUG: { schema: {}, meaning: "", denied: "no site may set DEBUG: it decides for the whole platform." },
  DATABASES: { schema: {}, denied: "it is a credential" },
  CREDENTIALS: { schema: { type: "object" }, secret: true },
  BARE: {},
}

const problems = (text) =>
  checkKeys(readJson(text).root, KEYS).map(({ severity, message }) => `${severity}: ${message}`)

function proposed(marked) {
  const text = marked.replace("|", "")
  const context = contextAt(text, readJson(text).tokens, marked.indexOf("|"))
  return context.kind === "key"
    ? keyProposals(KEYS, context).map(({ name }) => name)
    : valueProposals(KEYS, context).map((one) => one.text)
}

describe("checks against the known keys", () => {
  const FINE = [
    '{"PLATFORM_NAME": "x", "course_org_filter": "a", "ENABLE_X": true, "LIMIT": 3, "RATIO": 1.5}',
    '{"course_org_filter": ["a", "b"]}',
    '{"LIMIT": 1.0}',
    '{"LANGUAGE": "de"}',
    '{"LANGUAGE": null}',
    '{"EITHER": "abc"}',
    '{"EITHER": false}',
    '{"FEATURES": {"A": true, "B": "x"}}',
    '{"MAP": {"a": 1}}',
    '{"BARE": [1]}',
    '{"PLATFORM_NAME": null}',
    '{"CREDENTIALS": "********"}',
    "[1]",
    "",
  ]
  for (const text of FINE) it(`${text} follows them`, () => assert.deepEqual(problems(text), []))

  const WRONG = [
    ['{"PLATFORM_NAME": 1}', 'error: the value of "PLATFORM_NAME" must be a text, but it is a number'],
    ['{"PLATFORM_NAME": ""}', 'error: the value of "PLATFORM_NAME" may not be an empty text'],
    [
      '{"course_org_filter": 1}',
      'error: the value of "course_org_filter" must be a text or a list of texts, but it is a number',
    ],
    [
      '{"course_org_filter": ["a", 2]}',
      'error: item 2 of the value of "course_org_filter" must be a text, but it is a number',
    ],
    [
      '{"ENABLE_X": "true"}',
      'error: the value of "ENABLE_X" must be true or false, but it is a text: write true without quotation marks',
    ],
    ['{"ENABLE_X": 1}', 'error: the value of "ENABLE_X" must be true or false, but it is a number'],
    [
      '{"LIMIT": "3"}',
      'error: the value of "LIMIT" must be a whole number, but it is a text: write 3 without quotation marks',
    ],
    ['{"LIMIT": 1.5}', 'error: the value of "LIMIT" must be a whole number, but it is 1.5'],
    ['{"LIMIT": 0}', 'error: the value of "LIMIT" must be at least 1, but it is 0'],
    ['{"LIMIT": 11}', 'error: the value of "LIMIT" must be at most 10, but it is 11'],
    ['{"LANGUAGE": "fr"}', 'error: the value of "LANGUAGE" must be "en", "de" or null, but it is "fr"'],
    ['{"EITHER": "abcd"}', 'error: the value of "EITHER" may have 3 characters, but has 4'],
    ['{"EITHER": 1}', 'error: the value of "EITHER" must be true or false or a text, but it is a number'],
    ['{"FEATURES": {"A": "no"}}', 'error: "A" in the value of "FEATURES" must be true or false, but it is a text'],
    ['{"FEATURES": {"C": 1}}', 'error: "C" may not stand in the value of "FEATURES": it has "A" or "B"'],
    ['{"MAP": {"a": "x"}}', 'error: "a" in the value of "MAP" must be a whole number, but it is a text'],
    ['{"DEBUG": true}', "error: no site may set DEBUG: it decides for the whole platform."],
    ['{"debug": true}', "error: no site may set DEBUG: it decides for the whole platform."],
    ['{"DATABASES": {}}', 'error: "DATABASES" may not be set from a site: it is a credential'],
    ['{"PLATFROM_NAME": "x"}', 'warning: "PLATFROM_NAME" is not a known key: did you mean "PLATFORM_NAME"?'],
    [
      '{"platform_name": "x"}',
      'warning: "platform_name" is not a known key: did you mean "PLATFORM_NAME"? Small and capital letters differ.',
    ],
    ['{"OUR_PLUGIN": "x"}', 'warning: "OUR_PLUGIN" is not a known key: it is kept, but perhaps nothing reads it'],
    ['{"constructor": 1}', 'warning: "constructor" is not a known key: it is kept, but perhaps nothing reads it'],
  ]
  for (const [text, message] of WRONG) it(`${text} is told`, () => assert.deepEqual(problems(text), [message]))

  it("are no more than a person can read", () => {
    const many = Array.from({ length: 5000 }, (_, i) => `"NOBODY_${i}": 1`).join(",")
    assert.equal(problems(`{${many}}`).length, 100)
  })

  it("a fix writes what was meant", () => {
    const text = '{"PLATFROM_NAME": "x", "ENABLE_X": "False"}'
    const changes = checkKeys(readJson(text).root, KEYS).flatMap(({ fix }) => fix.changes)
    assert.equal(applyChanges(text, changes), '{"PLATFORM_NAME": "x", "ENABLE_X": false}')
  })
})

describe("help", () => {
  it("says type, meaning and default", () => {
    assert.deepEqual(describeKey(KEYS, ["PLATFORM_NAME"]), {
      name: "PLATFORM_NAME",
      type: "a text",
      meaning: "The name of the platform.",
      facts: ['Default: "Your Platform"'],
    })
  })

  it("says what is secret, denied or for operators only", () => {
    assert.deepEqual(describeKey(KEYS, ["KEY_OF_API"]).facts, [
      "Secret: stored encrypted and shown masked.",
      "Only a platform operator may set it.",
    ])
    assert.deepEqual(describeKey(KEYS, ["DEBUG"]).facts, ["no site may set DEBUG: it decides for the whole platform."])
  })

  it("knows what stands inside a known key", () => {
    assert.deepEqual(describeKey(KEYS, ["FEATURES", "A"]), {
      name: "A",
      type: "true or false",
      meaning: "About A.",
      facts: ["Default: true"],
    })
    assert.equal(describeKey(KEYS, ["course_org_filter", ITEM]).name, "course_org_filter")
  })

  it("is silent about what is not known", () => {
    assert.equal(describeKey(KEYS, ["NOBODY"]), null)
    assert.equal(describeKey(KEYS, ["FEATURES", "Z"]), null)
    assert.equal(describeKey(KEYS, ["toString"]), null)
  })

  it("names types in words", () => {
    assert.equal(typeInWords({ type: ["integer", "null"] }), "a whole number or null")
    assert.equal(typeInWords({ enum: [1, 2, 3, 4, 5, 6, 7, 8] }), "one of 1, 2, 3, 4, 5, 6 and 2 more")
    assert.equal(typeInWords({ const: "a" }), '"a"')
    assert.equal(typeInWords({ type: "array" }), "a list [ ]")
    assert.equal(typeInWords({}), "any value")
    assert.equal(typeInWords(undefined), "any value")
  })
})

describe("proposals", () => {
  it("are the keys that the object has not, without denied ones", () => {
    assert.deepEqual(proposed('{"PLATFORM_NAME": 1, |}').slice(0, 2), ["course_org_filter", "ENABLE_X"])
    assert.ok(!proposed("{|}").includes("DEBUG"))
  })

  it("are the properties of a known object", () => assert.deepEqual(proposed('{"FEATURES": {"A": true, "|"}}'), ["B"]))

  it("are values: the default first, then what the type allows", () => {
    assert.deepEqual(proposed('{"ENABLE_X": |}'), ["false", "true"])
    assert.deepEqual(proposed('{"LANGUAGE": |}'), ['"de"', '"en"', "null"])
    assert.deepEqual(proposed('{"PLATFORM_NAME": |}'), ['"Your Platform"', '""'])
    assert.deepEqual(proposed('{"course_org_filter": |}'), ['""', "[]"])
    assert.deepEqual(proposed('{"FEATURES": {"A": |}}'), ["true", "false"])
    assert.deepEqual(proposed('{"EITHER": |}'), ["true", "false", '""'])
  })

  it("are none for an unknown or a denied key", () => {
    assert.deepEqual(proposed('{"NOBODY": |}'), [])
    assert.deepEqual(proposed('{"DEBUG": |}'), [])
  })

  it("leave room for the value", () => {
    assert.deepEqual(valueSkeleton({ type: "string" }), { text: '""', cursor: 1 })
    assert.deepEqual(valueSkeleton({ type: ["array", "string"] }), { text: "[]", cursor: 1 })
    assert.deepEqual(valueSkeleton({ type: "boolean" }), { text: "", cursor: 0 })
    assert.deepEqual(valueSkeleton({ enum: ["a"] }), { text: "", cursor: 0 })
    assert.deepEqual(valueSkeleton({}), { text: "", cursor: 0 })
  })
})

describe("did you mean", () => {
  it("finds slips and swapped letters, not other words", () => {
    const names = ["PLATFORM_NAME", "SITE_NAME", "LOGO_URL", "ID"]
    assert.equal(nearest("PLATFORM_NAMES", names), "PLATFORM_NAME")
    assert.equal(nearest("PLATFROM_NAME", names), "PLATFORM_NAME")
    assert.equal(nearest("sitename", names), "SITE_NAME")
    assert.equal(nearest("LOGO", names), null)
    assert.equal(nearest("XY", names), null)
    assert.equal(nearest("", names), null)
  })
})
