// Builds the editor into the Python package's static files.
//
//   node build.js           writes json-editor.js, json-editor.css and LICENSES.txt
//   node build.js --check   builds in memory and fails where a committed file differs

import { createHash } from "node:crypto"
import { readdir, readFile, writeFile, mkdir } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const here = dirname(fileURLToPath(import.meta.url))
const target = join(here, "../../ccx_tenancy/site_config/static/ccx_tenancy/json-editor")
const BROWSERS = ["chrome100", "edge100", "firefox104", "safari15.4"]

/** A digest of all that the build depends on, so that a test without Node can tell a stale file. */
async function sourceDigest() {
  const names = [
    "build.js",
    "package-lock.json",
    ...(await readdir(join(here, "src"))).map((name) => `src/${name}`),
  ].sort()
  const hash = createHash("sha256")
  for (const name of names)
    hash
      .update(`${name}\n`)
      .update(await readFile(join(here, name)))
      .update("\n")
  return hash.digest("hex")
}

const notice = `The JSON editor of ccx_tenancy, built from frontend/json-editor (sha256 of the sources: ${await sourceDigest()}). The licences of what it holds are in LICENSES.txt.`

async function bundle(entry, format) {
  return build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    target: BROWSERS,
    legalComments: "none",
    banner: { [format]: `/* ${notice} */` },
    ...(format === "js" && { format: "iife" }),
    logLevel: "warning",
  })
}

/** The licence texts of every package that has code in the bundle. */
async function licences(inputs) {
  const names = new Set()
  for (const input of Object.keys(inputs)) {
    const match = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/[^]*$/.exec(input)
    if (match) names.add(match[1])
  }
  const parts = ["json-editor.js holds code of the following packages, each under the licence printed with it."]
  for (const name of [...names].sort()) {
    const folder = join(here, "node_modules", name)
    const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"))
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry))
    if (!file)
      throw new Error(`${name} has no licence file in ${relative(here, folder)}: it may not be bundled without one`)
    const text = (await readFile(join(folder, file), "utf8")).replace(/\r\n/g, "\n").trim()
    parts.push(`${"-".repeat(80)}\n${name} ${about.version} (${about.license})\n\n${text}`)
  }
  return `${parts.join("\n\n")}\n`
}

const script = await bundle("src/index.js", "js")
const style = await bundle("src/json-editor.css", "css")
const files = {
  "json-editor.js": script.outputFiles[0].text,
  "json-editor.css": style.outputFiles[0].text,
  "LICENSES.txt": await licences(script.metafile.inputs),
}

if (process.argv.includes("--check")) {
  const stale = []
  for (const [name, text] of Object.entries(files)) {
    const committed = await readFile(join(target, name), "utf8").catch(() => null)
    if (committed !== text) stale.push(name)
  }
  if (stale.length) {
    console.error(`${stale.join(", ")}: not what the sources give; run "npm run build" and commit the result`)
    process.exit(1)
  }
  console.log("The committed files are what the sources give.")
} else {
  await mkdir(target, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(target, name), text)
    console.log(`${name}: ${Buffer.byteLength(text)} bytes`)
  }
}
