// @vitest-environment node
/** The published DuckDB file answers from Node what the app's functions answer from Convex. */
import { describe, expect, test } from "vitest";
import { open, paletteTags, refinementCandidates, tagSummaries, topTags } from "../duckdb-node.mjs";
import { allSummaries, emptyApp } from "./app";
import { type Consensus, databasePath, publishedLines } from "./published";

const documents: Consensus[] = publishedLines().map((line) => JSON.parse(line));
const seeds = [...new Set(documents.map(({ seed }) => seed))];
const versions = [...new Set(documents.map(({ promptVersion }) => promptVersion))];
const connection = await open(databasePath);

const made = await connection.runAndReadAll(
  "select distinct function_name from duckdb_functions() where not internal and function_type = 'table_macro'",
);
const functions = made.getRows().flat();

// A set that was published before there were functions has none to call.
describe.skipIf(!functions.includes("tag_summaries"))("duckdb-node.mjs", () => {
  test("refinementCandidates are all palettes for a model that never refined, most results first", async () => {
    for (const chosen of [versions, versions.slice(0, 1)]) {
      const results = new Map<string, number>();
      for (const { seed, promptVersion, totalModels } of documents) {
        if (chosen.includes(promptVersion)) results.set(seed, (results.get(seed) ?? 0) + totalModels);
      }
      const expected = [...results].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1)).map(([seed]) => seed);
      const job = { model: "never refined", cycle: 1, promptVersions: chosen };
      expect((await refinementCandidates(connection, job)).map((row) => row["palette_seed"])).toEqual(expected);
      expect(await refinementCandidates(connection, { ...job, maxRows: 3 })).toHaveLength(3);
    }
    expect(await refinementCandidates(connection, { model: "m", cycle: 1, promptVersions: [] })).toEqual([]);
  });

  test("tagSummaries are what the Convex function says, tag by tag", async () => {
    const app = emptyApp();
    for (const document of documents) await app.run((ctx) => ctx.db.insert("palette_tag_consensus", document));
    for (const chosen of [versions, versions.slice(1)]) {
      const inDuckDB = await tagSummaries(connection, seeds, chosen);
      const { summaries } = await allSummaries(app, seeds, chosen);
      const pick = ({ seed, totalModels, categorical, tags }: Record<string, unknown>) => ({ seed, totalModels, categorical, tags });
      const bySeed = new Map(inDuckDB.map((row) => [row["seed"], pick(row)]));
      for (const summary of summaries) expect(bySeed.get(summary.seed)).toEqual(pick(summary));
      expect(bySeed.size).toBe(summaries.length);
    }
  });

  test("topTags and paletteTags give hostile tags as they are", async () => {
    const top = await topTags(connection, { n: 100_000 });
    expect(top.map(({ tag }) => tag)).toEqual(expect.arrayContaining(["凉", "__proto__", "\0"]));
    const said = await Promise.all(seeds.map((seed) => paletteTags(connection, seed)));
    expect(said.every((rows) => rows.length > 0)).toBe(true);
  });

  test("the file can't be written to", async () => {
    await expect(connection.run("delete from palettes")).rejects.toThrow("read-only");
  });
});
