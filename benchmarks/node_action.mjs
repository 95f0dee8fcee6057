// The app's queries in one Node process, as an action would make them: `node node_action.mjs FILE MEMORY_LIMIT MAX_TEMP`.
// Prints one JSON object: what each took (ms, the first time in a new process), and the peak of resident memory (MB).
// FILE is palettes.duckdb, or palette_tag_consensus.parquet for an action that only looks up documents.

import { listValue } from "../examples/convex/node_modules/@duckdb/node-api/lib/index.js";
import { open, paletteTags, refinementCandidates, tagSummaries, topTags } from "../examples/convex/duckdb-node.mjs";

const [file, memoryLimit, maxTemp] = process.argv.slice(2);
const chunk = 1000;
const took = {};

async function timed(name, query) {
  const start = performance.now();
  const result = await query();
  took[name] = performance.now() - start;
  return result;
}

const settings = { memory_limit: memoryLimit, max_temp_directory_size: maxTemp, temp_directory: "spilled", threads: "2" };
const isParquet = file.endsWith(".parquet");
const connection = await timed("open", () =>
  isParquet ? open(":memory:", { ...settings, access_mode: "READ_WRITE" }) : open(file, settings),
);
const seeds = await timed("all seeds", async () => {
  const from = isParquet ? `read_parquet('${file}', hive_partitioning = false)` : "palette_tag_consensus";
  return (await connection.runAndReadAll(`select distinct seed from ${from} order by seed`)).getRows().map(([seed]) => seed);
});

async function documents(some) {
  const values = { file, seeds: listValue(some) };
  return (await connection.runAndReadAll("from read_parquet($file, hive_partitioning = false) where seed in (select unnest($seeds))", values)).getRowObjectsJS();
}

const summaries = isParquet ? documents : (some) => tagSummaries(connection, some);
if (!isParquet) {
  await timed("refinement_candidates", () => refinementCandidates(connection, { model: "gpt-5-mini", cycle: 3 }));
}
await timed("1,000 summaries", () => summaries(seeds.slice(0, chunk)));
if (!isParquet) {
  await timed("top_tags", () => topTags(connection));
  await timed("palette_tags", () => paletteTags(connection, seeds[0]));
}
await timed("all summaries", async () => {
  for (let from = 0; from < seeds.length; from += chunk) await summaries(seeds.slice(from, from + chunk));
});
console.log(JSON.stringify({ palettes: seeds.length, took, peak: process.resourceUsage().maxRSS / 1024 }));
