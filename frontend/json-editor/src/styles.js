// How the parts inside CodeMirror look. Colours are the variables of json-editor.css, which follow the admin's theme.

import { EditorView } from "@codemirror/view"
import { StyleModule } from "style-mod"

const underline = (colour) => ({
  // CodeMirror's own underline is a data: image, which a strict img-src would refuse.
  backgroundImage: "none",
  textDecorationLine: "underline",
  textDecorationStyle: "wavy",
  textDecorationColor: colour,
  textDecorationSkipInk: "none",
  textUnderlineOffset: "0.2em",
})

const badge = (colour, sign) => ({
  content: "normal",
  "&:before": {
    content: `"${sign}"`,
    display: "block",
    width: "1.15em",
    height: "1.15em",
    margin: "0.3em auto 0",
    borderRadius: "50%",
    font: "bold 0.8em/1.15 sans-serif",
    textAlign: "center",
    color: "var(--ccx-je-badge-fg)",
    backgroundColor: colour,
  },
})

export const appearance = EditorView.theme({
  "&": { color: "var(--ccx-je-fg)", backgroundColor: "var(--ccx-je-bg)", fontSize: "var(--ccx-je-size)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--ccx-je-mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--ccx-je-fg)", padding: "6px 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ccx-je-fg)", borderLeftWidth: "2px" },
  ".cm-line": { padding: "0 8px 0 4px" },
  ".cm-gutters": {
    backgroundColor: "var(--ccx-je-gutter)",
    color: "var(--ccx-je-quiet)",
    border: "none",
    borderRight: "1px solid var(--ccx-je-line)",
  },
  ".cm-gutter-lint": { width: "1.4em" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "0" },
  ".cm-lint-marker": { width: "100%", height: "auto" },
  ".cm-lint-marker-error": badge("var(--ccx-je-error)", "!"),
  ".cm-lint-marker-warning": badge("var(--ccx-je-warning)", "?"),
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 4px 0 6px" },
  ".cm-foldGutter .cm-gutterElement": { padding: "0 3px", cursor: "pointer" },
  ".cm-activeLine": { backgroundColor: "var(--ccx-je-active)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--ccx-je-active)", color: "var(--ccx-je-fg)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--ccx-je-selection)",
  },
  ".cm-content ::selection": { backgroundColor: "var(--ccx-je-selection)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--ccx-je-bracket)",
    outline: "1px solid var(--ccx-je-quiet)",
  },
  ".cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket": {
    backgroundColor: "transparent",
    color: "var(--ccx-je-error)",
  },
  ".cm-searchMatch": { backgroundColor: "var(--ccx-je-match)", outline: "1px solid var(--ccx-je-quiet)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--ccx-je-match-now)" },
  ".cm-selectionMatch": { backgroundColor: "var(--ccx-je-bracket)" },
  ".cm-foldPlaceholder": {
    backgroundColor: "var(--ccx-je-gutter)",
    border: "1px solid var(--ccx-je-line)",
    color: "var(--ccx-je-quiet)",
    padding: "0 6px",
  },
  ".cm-specialChar": { color: "var(--ccx-je-error)" },
  ".cm-lintRange": { paddingBottom: "0" },
  ".cm-lintRange-error": underline("var(--ccx-je-error)"),
  ".cm-lintRange-warning": underline("var(--ccx-je-warning)"),
  ".cm-lintRange-active": { backgroundColor: "var(--ccx-je-bracket)" },
  ".cm-lintPoint-error:after": { borderBottomColor: "var(--ccx-je-error)" },
  ".cm-lintPoint-warning:after": { borderBottomColor: "var(--ccx-je-warning)" },

  ".cm-tooltip": {
    color: "var(--ccx-je-fg)",
    backgroundColor: "var(--ccx-je-float)",
    border: "1px solid var(--ccx-je-line)",
    borderRadius: "4px",
    boxShadow: "0 3px 12px var(--ccx-je-shadow)",
    maxWidth: "min(34em, 92vw)",
    zIndex: "500",
  },
  ".cm-tooltip .cm-tooltip-section:not(:first-child)": { borderTop: "1px solid var(--ccx-je-line)" },
  ".cm-diagnostic": { padding: "6px 10px", whiteSpace: "normal", fontFamily: "var(--ccx-je-sans)" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--ccx-je-error)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--ccx-je-warning)" },
  ".cm-diagnosticAction": {
    color: "var(--ccx-je-fg)",
    backgroundColor: "var(--ccx-je-gutter)",
    border: "1px solid var(--ccx-je-line)",
    padding: "2px 8px",
    font: "inherit",
  },
  ".cm-diagnosticAction u": { textDecoration: "none" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": {
    margin: "0",
    padding: "0",
    fontFamily: "var(--ccx-je-mono)",
    maxHeight: "16em",
    minWidth: "15em",
    maxWidth: "min(34em, 92vw)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": {
    padding: "4px 10px",
    lineHeight: "1.4",
    listStyle: "none",
    display: "flex",
    gap: "1em",
    alignItems: "baseline",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li .cm-completionLabel": { flex: "none" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li .cm-completionDetail": {
    flex: "auto",
    marginLeft: "0",
    fontStyle: "normal",
    fontFamily: "var(--ccx-je-sans)",
    fontSize: "0.9em",
    color: "var(--ccx-je-quiet)",
    overflow: "hidden",
    textOverflow: "ellipsis",
    whiteSpace: "nowrap",
    textAlign: "right",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    color: "var(--ccx-je-chosen-fg)",
    backgroundColor: "var(--ccx-je-chosen)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "bold" },
  ".cm-tooltip.cm-completionInfo": { padding: "0", width: "max-content", maxWidth: "min(26em, 60vw)" },

  ".cm-panels": { color: "var(--ccx-je-fg)", backgroundColor: "var(--ccx-je-gutter)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--ccx-je-line)" },
  ".cm-panel.cm-search": { padding: "6px 28px 6px 8px", fontFamily: "var(--ccx-je-sans)" },
  ".cm-panel.cm-search label": {
    display: "inline-flex",
    alignItems: "center",
    gap: "3px",
    width: "auto",
    minWidth: "0",
    padding: "0",
    margin: "2px 8px 2px 0",
    fontSize: "inherit",
    fontWeight: "normal",
    color: "inherit",
    lineHeight: "1.4",
  },
  ".cm-panel.cm-search label:after": { content: "none" },
  ".cm-panel.cm-search input[type=checkbox]": { margin: "0" },
  ".cm-panel.cm-search input.cm-textfield": {
    width: "14em",
    maxWidth: "100%",
    height: "auto",
    minHeight: "0",
    margin: "2px 6px 2px 0",
    padding: "4px 6px",
    font: "inherit",
    color: "inherit",
    backgroundColor: "var(--ccx-je-bg)",
    border: "1px solid var(--ccx-je-edge)",
    borderRadius: "4px",
    verticalAlign: "baseline",
  },
  ".cm-panel.cm-search button.cm-button": {
    margin: "2px 6px 2px 0",
    padding: "4px 10px",
    font: "inherit",
    color: "inherit",
    backgroundImage: "none",
    backgroundColor: "var(--ccx-je-bg)",
    border: "1px solid var(--ccx-je-edge)",
    borderRadius: "4px",
    cursor: "pointer",
    textTransform: "none",
  },
  ".cm-panel.cm-search button.cm-button:active": { backgroundImage: "none" },
  ".cm-panel.cm-search [name=close]": {
    top: "4px",
    right: "6px",
    width: "24px",
    height: "24px",
    color: "inherit",
    cursor: "pointer",
    fontSize: "18px",
    lineHeight: "1",
  },
})

/** The nonce for CodeMirror's <style> element: the textarea's own, or the page's <meta name="csp-nonce">. */
export function styleNonce(textarea) {
  return textarea.dataset.cspNonce || document.querySelector('meta[name="csp-nonce"]')?.content || ""
}

/**
 * Makes CodeMirror put its styles into a constructed style sheet of the document.
 *
 * CodeMirror writes a <style> element, which a policy without a nonce for it refuses; a constructed sheet is made by
 * a script that the policy already trusts, and passes `style-src 'self'`. The library uses one by itself only inside
 * a shadow root, which it tells by its lack of a head: so it is shown the document without one, once, and remembers
 * the sheet that it made. A browser without constructed sheets keeps the <style> element.
 */
export function adoptStyles() {
  if (!("adoptedStyleSheets" in document)) return
  StyleModule.mount(
    new Proxy(document, {
      get: (target, name) => (name === "head" ? null : Reflect.get(target, name, target)),
      set: (target, name, value) => Reflect.set(target, name, value, target),
    }),
    [],
  )
}
