// The JSON editor of the admin: takes the place of `<textarea class="ccx-json-editor">`, which stays the form's field.
//
// Without this script the textarea works as it is. With it the textarea is hidden and holds, after every change, the
// very text that the editor shows: mistakes are posted too, for the server to refuse and to give back.

import { openSearchPanel } from "@codemirror/search"

import { element, helpElement } from "./dom.js"
import { applyFix, format, helpAtCursor, makeEditor, problemsOf, reading, setKeys } from "./editor.js"
import { applyChanges, formatChanges } from "./format.js"
import { readJson } from "./json.js"
import { counted, foremost, located } from "./problems.js"
import { adoptStyles, styleNonce } from "./styles.js"

const SELECTOR = "textarea.ccx-json-editor"
const MOST_LISTED = 20
const HELP_DELAY = 120
// From this length on the textarea is filled when the typing pauses, in milliseconds.
const LARGE_FIELD = 200_000
const PAUSE = 300

const editors = new WeakMap()
const schemas = new Map()
let count = 0

/** The known keys at `url`; asked for once a page. Only this page's own server is ever asked. */
function fetchKeys(url) {
  if (!schemas.has(url)) {
    schemas.set(
      url,
      fetch(url, { mode: "same-origin", credentials: "same-origin", headers: { Accept: "application/json" } }).then(
        async (response) => {
          if (!response.ok) throw new Error(`the server answered ${response.status}`)
          const answer = await response.json().catch(() => null)
          if (typeof answer?.keys !== "object" || answer.keys === null)
            throw new Error("the server's answer holds no keys")
          return answer.keys
        },
      ),
    )
  }
  return schemas.get(url)
}

/** The list in a data attribute; what cannot be read is no list. */
function listIn(attribute) {
  try {
    const list = JSON.parse(attribute || "[]")
    return Array.isArray(list) ? list : []
  } catch {
    return []
  }
}

/** The text to begin with: formatted where that is possible and moves nothing that the server has pointed at. */
function beginning(text, errors) {
  const read = readJson(text)
  return read.grammatical && !errors.length ? applyChanges(text, formatChanges(text, read.tokens)) : text
}

class JsonEditor {
  constructor(textarea) {
    this.textarea = textarea
    this.id = `ccx-je-${++count}`
    const { dataset } = textarea
    this.readOnly =
      textarea.readOnly || textarea.disabled || (dataset.readonly !== undefined && dataset.readonly !== "false")
    const errors = listIn(dataset.errors)
    const label = dataset.label || textarea.labels?.[0]?.textContent.replace(/:\s*$/, "").trim() || "JSON"
    // What the status says now, and of which problem; whether a change was not yet said to the form.
    this.line = ""
    this.said = null
    // The text that could not be formatted: the status says so until there is another, whatever is checked meanwhile.
    this.refused = null
    this.unsaid = false
    this.fillTimer = 0
    this.build()
    const text = beginning(textarea.value, errors)
    const nonce = styleNonce(textarea)
    if (!nonce) adoptStyles()
    this.view = makeEditor({
      parent: this.frame,
      text,
      errors,
      readOnly: this.readOnly,
      nonce,
      attributes: {
        "aria-label": this.readOnly ? `${label} (read only)` : label,
        "aria-describedby": `${this.id}-status ${this.id}-hint`,
        ...(this.readOnly && { tabindex: "0", role: "textbox", "aria-readonly": "true", "aria-multiline": "true" }),
        ...(textarea.required && { "aria-required": "true" }),
      },
      onProblems: (problems) => this.showProblems(problems),
      onChange: () => this.changed(),
      onCursor: () => this.helpSoon(),
      onFormat: () => this.format(),
    })
    this.view.contentDOM.setAttribute("aria-invalid", String(this.shell.dataset.state === "error"))
    this.takeOver(text)
    this.loadKeys(dataset.schemaUrl)
  }

  build() {
    const key = /Mac|iPhone|iPad/.test(navigator.platform) ? "\u2318" : "Ctrl"
    const keys = (name, what) => element("span", { class: "ccx-je-key" }, element("kbd", {}, name), ` ${what}`)
    this.frame = element("div", { class: "ccx-je-frame" })
    this.status = element("div", {
      class: "ccx-je-status",
      id: `${this.id}-status`,
      role: "status",
      "aria-live": "polite",
    })
    this.list = element("ol", { class: "ccx-je-list", "aria-label": "Further problems", hidden: true })
    this.help = element("div", {
      class: "ccx-je-help",
      "aria-label": "About the key at the cursor",
      role: "note",
      hidden: true,
    })
    this.note = element("p", { class: "ccx-je-note", hidden: true })
    const button = (text, title, onclick) =>
      element("button", { type: "button", class: "ccx-je-button", title, onclick }, text)
    const bar = element(
      "div",
      { class: "ccx-je-bar", role: "group", "aria-label": "Editor" },
      this.readOnly ? null : button("Format", "Format the text (Shift+Alt+F)", () => this.format()),
      button("Search", `Search (${key}+F)`, () => openSearchPanel(this.view)),
    )
    const hint = element(
      "p",
      { class: "ccx-je-hint", id: `${this.id}-hint` },
      ...(this.readOnly
        ? [keys("Tab", "leaves the text"), keys(`${key}+F`, "searches")]
        : [
            keys("Tab", "leaves the editor"),
            keys(`${key}+]`, "and"),
            keys(`${key}+[`, "indent"),
            keys("Ctrl+Space", "suggests"),
            keys(`${key}+F`, "searches"),
            keys("F8", "next mistake"),
          ]
      ).flatMap((part) => [part, " "]),
    )
    this.shell = element(
      "div",
      { class: "ccx-je", "data-state": "checking" },
      bar,
      this.frame,
      this.status,
      this.list,
      this.help,
      this.note,
      hint,
    )
    // What happens to the parts of the editor is not what happens to the field: the textarea speaks for both.
    for (const name of ["input", "change"]) this.frame.addEventListener(name, (event) => event.stopPropagation())
    this.textarea.after(this.shell)
  }

  /** Hides the textarea and keeps it and the editor one. */
  takeOver(text) {
    const { textarea } = this
    if (!this.readOnly) textarea.value = text
    textarea.hidden = true
    textarea.classList.add("ccx-je-source")
    // A browser that finds a hidden required field empty refuses to submit without a word: the server will say it.
    textarea.required = false
    for (const label of textarea.labels ?? []) label.addEventListener("click", () => this.view.focus())
    // As a textarea does, the field says "input" at each change and "change" when it is left.
    this.shell.addEventListener("focusout", (event) => {
      this.fillField()
      if (!this.unsaid || this.shell.contains(event.relatedTarget)) return
      this.unsaid = false
      textarea.dispatchEvent(new Event("change", { bubbles: true }))
    })
    // However the form is submitted, it takes the text as it stands.
    textarea.form?.addEventListener("formdata", ({ formData }) => {
      if (formData.has(textarea.name) && !this.readOnly) formData.set(textarea.name, this.text())
    })
    textarea.form?.addEventListener("reset", () => setTimeout(() => this.setText(textarea.value)))
    // A page that comes back from the history may bring the textarea's last text with it.
    window.addEventListener("pageshow", () => {
      if (!this.readOnly && !this.fillTimer && textarea.value !== this.text()) this.setText(textarea.value)
    })
  }

  /** Brings a change into the field: at once, or for a large text, which takes the browser long, in a typing pause. */
  changed() {
    if (this.readOnly) return
    this.unsaid = true
    clearTimeout(this.fillTimer)
    this.fillTimer = setTimeout(() => this.fillField(), PAUSE)
    if (this.view.state.doc.length < LARGE_FIELD) this.fillField()
  }

  fillField() {
    if (!this.fillTimer) return
    clearTimeout(this.fillTimer)
    this.fillTimer = 0
    this.textarea.value = this.text()
    this.textarea.dispatchEvent(new Event("input", { bubbles: true }))
  }

  loadKeys(url) {
    if (!url) return
    fetchKeys(new URL(url, document.baseURI).href).then(
      (keys) => this.view.dispatch({ effects: setKeys.of(keys) }),
      (error) => {
        this.note.textContent = `The known keys could not be loaded (${error.message}): only the JSON itself is checked here.`
        this.note.hidden = false
      },
    )
  }

  // ---- what is shown -------------------------------------------------------------------------------------------

  showProblems(problems) {
    const refused = this.refused !== null && this.refused === this.view.state.doc
    const first = refused ? this.mistakeIn(problems) : foremost(problems)
    const worst = first?.severity ?? "fine"
    this.shell.dataset.state = worst
    // The first check comes while the editor is still being made.
    this.view?.contentDOM.setAttribute("aria-invalid", String(worst === "error"))
    if (first) {
      this.say(worst, refused ? "Not formatted, since it is not JSON yet: " : `${counted(problems)}: `, first)
    } else {
      this.say(worst, "No mistakes found.")
    }
    const others = problems.filter((problem) => problem !== first)
    const rows = others
      .slice(0, MOST_LISTED)
      .map((problem) =>
        element(
          "li",
          { "data-severity": problem.severity },
          ...this.row(located(problem).replace(/^l/, "L"), () => problem),
        ),
      )
    if (others.length > MOST_LISTED) rows.push(element("li", {}, `and ${others.length - MOST_LISTED} more`))
    this.list.replaceChildren(...rows)
    this.list.hidden = !rows.length
  }

  /** Puts a line into the status; the same line is not put there twice, so that it is not read out twice. */
  say(severity, text, problem = null) {
    const said = problem ? text + located(problem) : text
    this.said = problem
    if (this.line === said) return
    this.line = said
    this.status.dataset.severity = severity
    const now = () => this.said
    this.status.replaceChildren(...(problem ? this.row(said, now) : [element("span", {}, said)]))
  }

  /** The buttons for a problem: one goes to its place, one mends it where that is known; `which` gives the problem. */
  row(text, which) {
    const buttons = [
      element("button", { type: "button", class: "ccx-je-jump", onclick: () => this.goTo(which()) }, text),
    ]
    const { fix } = which()
    if (fix && !this.readOnly) {
      const mend = () => {
        applyFix(this.view, which())
        this.view.focus()
      }
      buttons.push(element("button", { type: "button", class: "ccx-je-fix", onclick: mend }, fix.label))
    }
    return buttons
  }

  goTo(problem) {
    const at = Math.min(problem.from, this.view.state.doc.length)
    this.view.dispatch({ selection: { anchor: at }, scrollIntoView: true })
    this.view.focus()
  }

  helpSoon() {
    clearTimeout(this.helpTimer)
    this.helpTimer = setTimeout(() => {
      const help = helpAtCursor(this.view.state)
      this.help.hidden = !help
      this.help.replaceChildren(...(help ? [helpElement(help)] : []))
    }, HELP_DELAY)
  }

  // ---- for the page and for tests ------------------------------------------------------------------------------

  /** The text, which is the textarea's value too. */
  text() {
    return this.view.state.doc.toString()
  }

  /** Replaces the whole text; undo brings the old one back. */
  setText(text) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } })
  }

  /** What is wrong with the text as it stands: [{line, column, severity, code, message}]. */
  currentProblems() {
    return problemsOf(this.view.state).map(({ line, column, severity, code, message }) => ({
      line,
      column,
      severity,
      code,
      message,
    }))
  }

  /** Formats the text, or says why not and goes to the mistake. */
  format() {
    if (format(this.view)) {
      this.view.focus()
      return
    }
    const problems = problemsOf(this.view.state)
    const mistake = this.mistakeIn(problems)
    if (!mistake) return
    this.refused = this.view.state.doc
    this.showProblems(problems)
    this.goTo(mistake)
  }

  /** Of a text's problems the first for which it is no JSON, or null: what the known keys say against it is none. */
  mistakeIn(problems) {
    const { state } = this.view
    if (!reading(state).problems.length) return null
    const first = foremost(problemsOf(state, null))
    return problems.find(({ from, code }) => from === first.from && code === first.code)
  }
}

/** Puts an editor in the place of a textarea and returns it; of one that has it already, returns that. */
function enhance(textarea) {
  if (!editors.has(textarea)) editors.set(textarea, new JsonEditor(textarea))
  return editors.get(textarea)
}

/** The editor of a textarea, or null. */
function get(textarea) {
  return editors.get(textarea) ?? null
}

/** Puts editors in the place of all the textareas under `root`, but those of a formset's template row. */
function enhanceAll(root) {
  for (const textarea of root.querySelectorAll(SELECTOR)) {
    if (!textarea.closest(".empty-form")) enhance(textarea)
  }
}

window.ccxTenancyJsonEditor = { enhance, get }
document.addEventListener("formset:added", (event) => enhanceAll(event.target))
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => enhanceAll(document))
else enhanceAll(document)
