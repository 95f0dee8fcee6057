/** The functions stay within Convex's limits, whatever the documents are. */
import { getDocumentSize } from "convex/values";
import { describe, expect, test } from "vitest";
import { internal } from "../convex/_generated/api";
import { allForRefinement, allSummaries, empty, emptyApp } from "./app";
import type { Consensus } from "./published";

/** A document of nearly the 1 MiB that Convex takes. */
function large(seed: string, promptVersion: string): Consensus {
  const associations = Array.from({ length: 8000 }, (_, n) => ({ key: `${n}`.padEnd(38, "凉"), value: 1 }));
  return { ...empty, seed, promptVersion, tags: { ...empty.tags, associations } };
}

const versions = ["v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8"];

describe("with the largest documents", async () => {
  const app = emptyApp();
  const seeds = ["a", "b", "c", "d", "e"];
  expect(2 ** 20 - getDocumentSize(large("a", "v1"))).toSatisfy((left: number) => left > 0 && left < 2 ** 16);
  for (const seed of seeds) {
    await app.run((ctx) => ctx.db.insert("palettes", { seed, imageUrl: "x" }));
    for (const version of versions) {
      await app.run((ctx) => ctx.db.insert("palette_tag_consensus", large(seed, version)));
    }
  }

  test("tagSummaries gives what fits, and names the rest", async () => {
    const { summaries, pages } = await allSummaries(app, seeds, versions);
    expect(summaries.map(({ seed, totalModels }) => [seed, totalModels])).toEqual(seeds.map((seed) => [seed, 80]));
    expect(pages).toBe(5);
  });

  test("palettesForRefinement goes on where it stopped", async () => {
    const { palettes, pages } = await allForRefinement(app, { model: "m", cycle: 1, promptVersions: versions });
    expect(palettes.map(({ seed, successCount }) => [seed, successCount])).toEqual(seeds.map((seed) => [seed, 80]));
    expect(pages).toBe(5);
  });
});

describe("with as much as may be asked for", async () => {
  const app = emptyApp();
  const seeds = Array.from({ length: 200 }, (_, n) => `seed ${n}`);
  await app.run(async (ctx) => {
    for (const seed of seeds) {
      await ctx.db.insert("palettes", { seed, imageUrl: "x" });
      await ctx.db.insert("palette_tag_consensus", { ...empty, seed, promptVersion: "v8" });
    }
  });

  test("one call is enough", async () => {
    const found = await allForRefinement(app, { model: "m", cycle: 1, promptVersions: versions, limit: 200 });
    expect([found.palettes.length, found.pages]).toEqual([200, 1]);
    const said = await allSummaries(app, seeds, versions);
    expect([said.summaries.length, said.pages]).toEqual([200, 1]);
  });

  test("more is refused", async () => {
    const { palettesForRefinement, tagSummaries } = internal.refinement;
    const job = { model: "m", cycle: 1, promptVersions: versions };
    await expect(app.query(palettesForRefinement, { ...job, limit: 201 })).rejects.toThrow("1 to 200");
    await expect(app.query(palettesForRefinement, { ...job, limit: Number.NaN })).rejects.toThrow("1 to 200");
    await expect(app.query(palettesForRefinement, { ...job, promptVersions: [] })).rejects.toThrow("1 to 8");
    await expect(app.query(tagSummaries, { seeds, promptVersions: [...versions, "v9"] })).rejects.toThrow("1 to 8");
    await expect(app.query(tagSummaries, { seeds: [...seeds, "one more"], promptVersions: ["v1"] })).rejects.toThrow("200");
  });
});

test("a merged list has no more than 8,192 entries, and says how many it lost", async () => {
  const app = emptyApp();
  for (const [promptVersion, value] of [["v1", 2], ["v2", 1]] as const) {
    const mood = Array.from({ length: 8192 }, (_, n) => ({ key: `${promptVersion} ${n}`, value }));
    await app.run((ctx) =>
      ctx.db.insert("palette_tag_consensus", { ...empty, seed: "s", promptVersion, tags: { ...empty.tags, mood }, truncatedTags: 3 }),
    );
  }
  const { summaries } = await allSummaries(app, ["s"], ["v1", "v2"]);
  expect(summaries[0]!.tags.mood).toHaveLength(8192);
  expect(new Set(summaries[0]!.tags.mood.map(({ value }) => value))).toEqual(new Set([2]));
  expect(summaries[0]!.truncatedTags).toBe(3 + 8192 + 3);
});
