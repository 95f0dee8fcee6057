// The peer in JavaScript: an export's consensus by Maps, as the app itself would count it, exact by the same rules.
//
//     node benchmarks/by_maps.mjs documents.jsonl rules.json out.jsonl
//
// The documents are read as a stream, and only counts are kept. rules.json has the synonyms: {attribute: {tag: canonical tag}}.

import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";

const [source, rules, target] = process.argv.slice(2);
const CATEGORICAL = ["temperature", "contrast", "brightness", "saturation"];
const LISTS = ["harmony", "mood", "style", "dominant_colors", "seasonal", "associations"];
const ATTRIBUTES = [...CATEGORICAL, ...LISTS];
const WHITE_SPACE = /[\t-\r\u0085\p{Z}\ufeff]+/gu;
const FRAGMENT = /[[\]{}]|["'] *[:,]|[:,] *"/;
const synonyms = new Map(
  Object.entries(JSON.parse(readFileSync(rules, "utf8"))).map(([name, known]) => [name, new Map(Object.entries(known))]),
);

/** One code point to one code point, so that neither a final sigma nor a dotted I differs from other engines. */
const lower = (text) => Array.from(text, (point) => (point === "İ" ? "i" : point.toLowerCase())).join("");
const clean = (text) => lower(text.toWellFormed().normalize("NFC").replace(WHITE_SPACE, " ").replace(/^ | $/g, ""));

/** What is to be counted for a text, worked out once a text: null if it says nothing, `tag` null if it isn't published. */
const known = new Map(ATTRIBUTES.map((name) => [name, new Map()]));
function read(name, text) {
  let found = known.get(name).get(text);
  if (found === undefined) {
    const said = clean(text);
    const canonical = synonyms.get(name)?.get(said);
    const isPublished = canonical !== undefined || !([...said].length > 100 || FRAGMENT.test(said));
    found = said === "" ? null : { tag: isPublished ? (canonical ?? said) : null };
    known.get(name).set(text, found);
  }
  return found;
}

/** The strings of a value, in order: a string is one, a list is taken apart at any depth, all else says nothing. */
function* strings(value) {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const element of value) yield* strings(element);
}

const groups = new Map();
function groupOf(seed, version) {
  if (!groups.has(seed)) groups.set(seed, new Map());
  const versions = groups.get(seed);
  if (!versions.has(version)) versions.set(version, { total: 0, counts: ATTRIBUTES.map(() => new Map()) });
  return versions.get(version);
}

for await (const line of createInterface({ input: createReadStream(source), crlfDelay: Infinity })) {
  const { seed, promptVersion, tags } = JSON.parse(line);
  if (tags === null || typeof tags !== "object" || Array.isArray(tags)) continue;
  if (typeof seed !== "string" || typeof promptVersion !== "string") continue;
  const group = groupOf(seed, promptVersion);
  group.total += 1;
  ATTRIBUTES.forEach((name, index) => {
    if (!Object.hasOwn(tags, name)) return;
    const said = new Set();
    for (const text of strings(tags[name])) {
      const found = read(name, text);
      if (found === null) continue;
      said.add(found.tag);
      if (index < CATEGORICAL.length) break;
    }
    const counts = group.counts[index];
    for (const tag of said) if (tag !== null) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  });
}

/** By count, then by code point, which isn't JavaScript's own order of strings. */
const byCount = ([a, m], [b, n]) => n - m || Buffer.compare(Buffer.from(a), Buffer.from(b));
const out = createWriteStream(target);
for (const [seed, versions] of groups) {
  for (const [promptVersion, { total, counts }] of versions) {
    const lists = counts.map((one) => [...one].sort(byCount).map(([key, value]) => ({ key, value })));
    const row = Object.fromEntries(ATTRIBUTES.map((name, index) => [name, lists[index]]));
    if (!out.write(`${JSON.stringify({ seed, promptVersion, totalModels: total, ...row })}\n`)) await once(out, "drain");
  }
}
out.end();
await once(out, "finish");
