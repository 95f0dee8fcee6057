/** What the functions are judged on: the release, and the app's documents that it was made of. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Doc, TableNames } from "../convex/_generated/dataModel";

type Fields<Table extends TableNames> = Omit<Doc<Table>, "_id" | "_creationTime">;
export type Consensus = Fields<"palette_tag_consensus">;

const root = resolve(import.meta.dirname, "../../..");
const current = resolve(root, process.env["PUBLISH_DIR"] || "data/published", "current");

export const databasePath = resolve(current, "palettes.duckdb");

/** The lines that Convex imports, as they are. */
export function publishedLines(): string[] {
  const path = resolve(current, "convex/palette_tag_consensus.jsonl");
  if (!existsSync(path)) throw new Error(`there is no ${path}: make test-examples publishes one`);
  return readFileSync(path, "utf8").trimEnd().split("\n");
}

/** The run as Convex gets it, from the release's manifest. */
export function publishedRun(): Fields<"analytics_runs"> {
  const manifest = JSON.parse(readFileSync(resolve(current, "manifest.json"), "utf8"));
  const { counts } = manifest;
  return {
    buildId: manifest.build_id,
    snapshotTs: manifest.snapshot_ts === null ? null : manifest.snapshot_ts / 1e6,
    publishedAt: Date.parse(manifest.published_at),
    palettes: counts.palettes,
    results: counts.results,
    countedResults: counts.counted_results,
    consensusRows: counts.consensus_rows,
    truncatedTags: counts.truncated_tags,
    origin: manifest.origin,
    deletedResults: manifest.deletes.palette_tags ?? 0,
    isSample: manifest.is_sample,
  };
}

/** What the raw zone holds of one of the app's tables: the documents as Convex exported them, without system fields. */
export async function landed<Table extends "palettes" | "palette_tag_refined">(table: Table): Promise<Fields<Table>[]> {
  const files = resolve(root, process.env["RAW_DIR"] || "data/raw", `*/${table}.parquet`);
  const connection = await (await DuckDBInstance.create()).connect();
  const rows = await connection.runAndReadAll("select document from read_parquet($files, hive_partitioning = false) where _op = 'upsert'", { files });
  return rows.getRows().map(([text]) => {
    const { _id, _creationTime, ...fields } = JSON.parse(String(text));
    return fields;
  });
}
