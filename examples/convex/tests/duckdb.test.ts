// @vitest-environment node
/** The published DuckDB file answers from Node what the app's functions answer from Convex. */
import { describe, expect, test } from "vitest";
import { open, paletteTags, refinementCandidates, tagSummaries, topTags } from "../duckdb-node.mjs";
import { allForRefinement, allSummaries, emptyApp } from "./app";
import { type Consensus, databasePath, landed, publishedLines } from "./published";

const documents: Consensus[] = publishedLines().map((line) => JSON.parse(line));
const seeds = [...new Set(documents.map(({ seed }) => seed))];
const versions = [...new Set(documents.map(({ promptVersion }) => promptVersion))];
const refined = await landed("palette_tag_refined");
const connection = await open(databasePath);

const app = emptyApp();
await app.run(async (ctx) => {
  for (const document of documents) await ctx.db.insert("palette_tag_consensus", document);
  for (const palette of await landed("palettes")) await ctx.db.insert("palettes", palette);
  for (const refinement of refined) await ctx.db.insert("palette_tag_refined", refinement);
});

describe("duckdb-node.mjs", () => {
  test("refinementCandidates are the palettes that the Convex function finds, most answers first", async () => {
    const models = [...new Set(refined.map(({ model }) => model)), "never refined"];
    for (const [model, cycle] of models.flatMap((model) => [1, 2, 99].map((cycle) => [model, cycle] as const))) {
      for (const promptVersions of [versions, versions.slice(0, 1)]) {
        const { palettes } = await allForRefinement(app, { model, cycle, promptVersions });
        const inOrder = palettes.sort((a, b) => b.successCount - a.successCount || (a.seed < b.seed ? -1 : 1));
        const candidates = await refinementCandidates(connection, { model, cycle, promptVersions });
        const exported = candidates.filter((row) => row["palette_id"] !== null);
        expect(exported.map((row) => [row["palette_seed"], Number(row["success_count"])])).toEqual(
          inOrder.map(({ seed, successCount }) => [seed, successCount]),
        );
      }
    }
    const job = { model: "never refined", cycle: 1 };
    expect(await refinementCandidates(connection, { ...job, maxRows: 3 })).toHaveLength(3);
    expect(await refinementCandidates(connection, { ...job, promptVersions: [] })).toEqual([]);
  });

  test("tagSummaries are those of the Convex function, tag by tag", async () => {
    for (const chosen of [versions, versions.slice(1), [...versions].reverse().slice(0, 1)]) {
      const { summaries } = await allSummaries(app, seeds, chosen);
      const withoutTrimming = summaries.map(({ truncatedTags, ...summary }) => summary);
      const inDuckDB = await tagSummaries(connection, seeds, chosen);
      expect(inDuckDB).toEqual(withoutTrimming.sort((a, b) => (a.seed < b.seed ? -1 : 1)));
    }
  });

  test("topTags and paletteTags give hostile tags as they are", async () => {
    const top = await topTags(connection, { n: 100_000 });
    expect(top.map(({ tag }) => tag)).toEqual(expect.arrayContaining(["凉", "__proto__", "\0"]));
    const said = await Promise.all(seeds.map((seed) => paletteTags(connection, seed)));
    expect(said.every((rows) => rows.length > 0)).toBe(true);
  });

  test.each<Record<string, string>>([
    { default_order: "desc" },
    { default_null_order: "nulls_first" },
    { default_collation: "nocase" },
    { integer_division: "true", preserve_insertion_order: "false", threads: "4" },
  ])("a session with %o gets the same answers", async (settings) => {
    const other = await open(databasePath, settings);
    const ask = async (client: typeof connection) => [
      await refinementCandidates(client, { model: "never refined", cycle: 1 }),
      await tagSummaries(client, seeds),
      await tagSummaries(client, seeds, versions.slice(1)),
      await topTags(client, { n: 1000 }),
      await paletteTags(client, seeds[0] ?? ""),
    ];
    expect(await ask(other)).toEqual(await ask(connection));
  });

  test("the file can't be written to", async () => {
    await expect(connection.run("delete from palettes")).rejects.toThrow("read-only");
  });
});
