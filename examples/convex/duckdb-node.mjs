// Asks the published DuckDB file from Node: `node duckdb-node.mjs [palettes.duckdb]`.
// The functions are in the file, so that any client can call them; these few lines only bind their arguments.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DuckDBInstance, INTEGER, LIST, listValue, VARCHAR } from "@duckdb/node-api";

/** @import {DuckDBConnection, DuckDBType, DuckDBValue} from "@duckdb/node-api" */

/**
 * Open a published file. It is read-only, and stays as it is while a newer release is published: open `current` again to see that.
 * @param {string} path
 * @param {Record<string, string>} [settings] DuckDB's own, such as `{memory_limit: "200MB"}`
 * @returns {Promise<DuckDBConnection>}
 */
export async function open(path, settings = {}) {
  const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY", ...settings });
  return instance.connect();
}

/**
 * Palettes that have answers that count under those versions, and no successful refinement by that model in that cycle:
 * most answers first.
 * @param {DuckDBConnection} connection
 * @param {{model: string, cycle: number, promptVersions?: string[], maxRows?: number}} job
 */
export function refinementCandidates(connection, { model, cycle, promptVersions, maxRows = 1000 }) {
  return rows(
    connection,
    "from refinement_candidates($model, $cycle, prompt_versions := $versions, max_rows := $maxRows)",
    { model: text(model), cycle: [cycle, INTEGER], versions: texts(promptVersions), maxRows: [maxRows, INTEGER] },
  );
}

/**
 * The counts of each palette, added up over those versions, shaped like the consensus.
 * @param {DuckDBConnection} connection
 * @param {string[]} seeds
 * @param {string[]} [promptVersions]
 */
export function tagSummaries(connection, seeds, promptVersions) {
  return rows(connection, "from tag_summaries($seeds, prompt_versions := $versions)", {
    seeds: texts(seeds),
    versions: texts(promptVersions),
  });
}

/**
 * The tags said most: of one attribute or of all, under one prompt version or under all.
 * @param {DuckDBConnection} connection
 * @param {{attribute?: string, promptVersion?: string, n?: number}} [which]
 */
export function topTags(connection, { attribute, promptVersion, n = 100 } = {}) {
  return rows(connection, "from top_tags(attribute := $attribute, prompt_version := $version, n := $n)", {
    attribute: text(attribute),
    version: text(promptVersion),
    n: [n, INTEGER],
  });
}

/**
 * All that was said of one palette, with what became of it.
 * @param {DuckDBConnection} connection
 * @param {string} seed
 */
export function paletteTags(connection, seed) {
  return rows(connection, "from palette_tags($seed)", { seed: text(seed) });
}

/**
 * Each value goes with its type, since an empty list or null has none that could be seen.
 * @param {DuckDBConnection} connection
 * @param {string} sql
 * @param {Record<string, [value: DuckDBValue, type: DuckDBType]>} bound
 */
async function rows(connection, sql, bound) {
  const values = Object.fromEntries(Object.entries(bound).map(([name, [value]]) => [name, value]));
  const types = Object.fromEntries(Object.entries(bound).map(([name, [, type]]) => [name, type]));
  return (await connection.runAndReadAll(sql, values, types)).getRowObjectsJS();
}

/**
 * @param {string | undefined} value
 * @returns {[DuckDBValue, DuckDBType]}
 */
function text(value) {
  return [value ?? null, VARCHAR];
}

/**
 * @param {string[] | undefined} values
 * @returns {[DuckDBValue, DuckDBType]}
 */
function texts(values) {
  return [values === undefined ? null : listValue(values), LIST(VARCHAR)];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const path = process.argv[2] ?? resolve(import.meta.dirname, "../../data/published/current/palettes.duckdb");
  const connection = await open(path);
  const waiting = await refinementCandidates(connection, { model: "gpt-5-mini", cycle: 3, maxRows: 5 });
  console.log("waiting for refinement, most answers first:");
  console.table(waiting);
  console.log("said of the first:");
  console.dir(await tagSummaries(connection, [String(waiting[0]?.["palette_seed"])]), { depth: null, maxArrayLength: 3 });
  console.log("said most of mood:");
  console.table(await topTags(connection, { attribute: "mood", n: 5 }));
}
