/** What the functions do where the published sample shows no example. */
import { expect, test } from "vitest";
import { allForRefinement, allSummaries, empty, emptyApp } from "./app";

const job = { model: "m", cycle: 1, promptVersions: ["v1"] };
const attempt = { seed: "s", model: "m", cycle: 1, promptVersion: "r1", embedText: "" };

test.each([
  { attempts: [], waits: true },
  { attempts: [{ ...attempt, tags: { mood: ["calm"] } }], waits: false },
  { attempts: [{ ...attempt, tags: null }], waits: true },
  { attempts: [{ ...attempt, tags: null, error: "overloaded" }], waits: true },
  { attempts: [{ ...attempt, tags: { mood: ["ca"] }, error: "cut off" }], waits: true },
  { attempts: [{ ...attempt, tags: ["calm"] }], waits: true },
  { attempts: [{ ...attempt, tags: {} }], waits: true },
  { attempts: [{ ...attempt, tags: null }, { ...attempt, tags: { mood: [] } }], waits: false },
  { attempts: [{ ...attempt, tags: { mood: [] }, cycle: 2 }, { ...attempt, tags: { mood: [] }, model: "n" }], waits: true },
])("a palette with the attempts $attempts waits: $waits", async ({ attempts, waits }) => {
  const app = emptyApp();
  await app.run(async (ctx) => {
    await ctx.db.insert("palettes", { seed: "s", imageUrl: "x" });
    await ctx.db.insert("palette_tag_consensus", { ...empty, seed: "s", promptVersion: "v1" });
    for (const one of attempts) await ctx.db.insert("palette_tag_refined", one);
  });
  const { palettes } = await allForRefinement(app, job);
  expect(palettes.map(({ seed }) => seed)).toEqual(waits ? ["s"] : []);
});

test("a palette without results for those versions doesn't wait, and has no summary", async () => {
  const app = emptyApp();
  await app.run((ctx) => ctx.db.insert("palettes", { seed: "s", imageUrl: "x" }));
  await app.run((ctx) => ctx.db.insert("palette_tag_consensus", { ...empty, seed: "s", promptVersion: "v2" }));
  expect((await allForRefinement(app, job)).palettes).toEqual([]);
  expect((await allSummaries(app, ["s"], ["v1"])).summaries).toEqual([]);
});

test("a summary is as new as the newest of what it adds up", async () => {
  const app = emptyApp();
  for (const [promptVersion, updatedAt] of [["v1", 5], ["v2", 9], ["v3", 7]] as const) {
    const document = { ...empty, seed: "s", promptVersion, updatedAt };
    await app.run((ctx) => ctx.db.insert("palette_tag_consensus", document));
  }
  const { summaries } = await allSummaries(app, ["s"], ["v1", "v2", "v3"]);
  expect(summaries.map(({ updatedAt }) => updatedAt)).toEqual([9]);
});

test("ties go by the bytes of UTF-8, as in DuckDB, and not by UTF-16", async () => {
  const app = emptyApp();
  const mood = ["🌅", "ｃａｌｍ"].map((key) => ({ key, value: 1 }));
  await app.run((ctx) =>
    ctx.db.insert("palette_tag_consensus", { ...empty, seed: "s", promptVersion: "v1", tags: { ...empty.tags, mood } }),
  );
  const { summaries } = await allSummaries(app, ["s"], ["v1"]);
  expect(summaries[0]!.tags.mood.map(({ key }) => key)).toEqual(["ｃａｌｍ", "🌅"]);
});

test("a seed that two documents have is one palette, whatever the page", async () => {
  const app = emptyApp();
  for (const seed of ["a", "b", "b", "b", "c"]) {
    await app.run((ctx) => ctx.db.insert("palettes", { seed, imageUrl: "x" }));
  }
  for (const seed of ["a", "b", "c"]) {
    await app.run((ctx) => ctx.db.insert("palette_tag_consensus", { ...empty, seed, promptVersion: "v1" }));
  }
  for (const limit of [1, 2, 3, 200]) {
    const { palettes } = await allForRefinement(app, { model: "m", cycle: 1, promptVersions: ["v1"], limit });
    expect(palettes.map(({ seed }) => seed)).toEqual(["a", "b", "c"]);
  }
});
