/** What is published goes into the app as it is, and comes out of its functions counted right. */
import { convexToJson } from "convex/values";
import { beforeAll, describe, expect, test } from "vitest";
import { internal } from "../convex/_generated/api";
import { allForRefinement, allSummaries, type App, emptyApp } from "./app";
import { type Consensus, landed, publishedLines, publishedRun } from "./published";

type Count = [attribute: string, tag: string, count: number];

const documents: Consensus[] = publishedLines().map((line) => JSON.parse(line));
const seeds = [...new Set(documents.map((document) => document.seed))];
const versions = [...new Set(documents.map((document) => document.promptVersion))];
const palettes = await landed("palettes");
const refined = await landed("palette_tag_refined");
const choices = subsets(versions);

let app: App;
beforeAll(async () => {
  app = emptyApp();
  await app.run(async (ctx) => {
    for (const document of documents) await ctx.db.insert("palette_tag_consensus", document);
    await ctx.db.insert("analytics_runs", publishedRun());
    for (const palette of palettes) await ctx.db.insert("palettes", palette);
    for (const refinement of refined) await ctx.db.insert("palette_tag_refined", refinement);
  });
});

describe("the published documents", () => {
  test("come back from Convex as they were", async () => {
    const stored = await app.run((ctx) => ctx.db.query("palette_tag_consensus").collect());
    expect(stored.map(({ _id, _creationTime, ...fields }) => fields)).toEqual(documents);
  });

  test.each(["凉", "\0", "__proto__", "👩‍👩‍👧‍👦", "🇯🇵", "هادئ", "שקט", "\u202ecalm\u202c", "ﬁre", "\u200b"])(
    "hold the tag %j, and an object with that name as a field is refused",
    async (tag) => {
      const said = documents.flatMap((document) => everyCount(document).map(([, key]) => key));
      expect(said).toContain(tag);
      if (tag === "__proto__") {
        // Printable ASCII, so Convex would take it; but an object loses it on the way.
        expect(Object.keys(naive([{ key: tag, value: 3 }]))).toEqual([]);
      } else {
        expect(() => convexToJson(naive([{ key: tag, value: 3 }]))).toThrow(/field name/i);
      }
    },
  );

  test("are refused with a field of another type, one too few or one too many", async () => {
    const [document] = documents;
    const { mood: _, ...withoutMood } = document!.tags;
    const broken: object[] = [
      { ...document, seed: 7 },
      { ...document, tags: withoutMood },
      { ...document, surprise: true },
    ];
    for (const one of broken) {
      await expect(app.run((ctx) => ctx.db.insert("palette_tag_consensus", one as Consensus))).rejects.toThrow();
    }
  });
});

describe("tagSummaries", () => {
  test.each(choices.map((chosen) => ({ chosen })))("adds up what all palettes have under $chosen", async ({ chosen }) => {
    const { summaries } = await allSummaries(app, seeds, chosen);
    const withResults = seeds.filter((seed) => of(seed, chosen).length > 0);
    expect(summaries.map((summary) => summary.seed)).toEqual(withResults);
    for (const summary of summaries) {
      const merged = of(summary.seed, chosen);
      expect(everyCount(summary)).toEqual(addedUp(merged));
      expect(summary.totalModels).toBe(merged.reduce((total, document) => total + document.totalModels, 0));
      expect(summary.promptVersions).toEqual(merged.map((document) => document.promptVersion).sort());
    }
  });

  test("of one version is the published document itself, in the same order", async () => {
    for (const document of documents) {
      const { summaries } = await allSummaries(app, [document.seed], [document.promptVersion]);
      const { promptVersion, ...same } = document;
      expect(summaries).toEqual([{ ...same, promptVersions: [promptVersion] }]);
    }
  });

  test("leaves out what nobody knows, and takes what is named twice once", async () => {
    const [seed] = seeds;
    const { summaries } = await allSummaries(app, [seed!, "no such palette", seed!], [...versions, ...versions, "none"]);
    expect(summaries).toHaveLength(1);
    expect(everyCount(summaries[0]!)).toEqual(addedUp(of(seed!, versions)));
  });
});

describe("palettesForRefinement", () => {
  const models = [...new Set(refined.map(({ model }) => model)), "a model that never refined"];
  const cycles = [...new Set(refined.map(({ cycle }) => cycle)), 99];
  const jobs = models.flatMap((model) => cycles.map((cycle) => ({ model, cycle })));

  test.each(jobs)("finds the palettes that wait for $model in cycle $cycle", async ({ model, cycle }) => {
    const done = new Set(
      refined
        .filter((one) => one.model === model && one.cycle === cycle && !one.error)
        .filter((one) => Object.prototype.toString.call(one.tags) === "[object Object]" && Object.keys(one.tags).length > 0)
        .map((one) => one.seed),
    );
    for (const chosen of choices) {
      const expected = new Map<string, number>();
      for (const { seed } of palettes) {
        const results = of(seed, chosen).reduce((total, document) => total + document.totalModels, 0);
        if (results > 0 && !done.has(seed)) expected.set(seed, results);
      }
      for (const limit of [1, 3, 200]) {
        const found = await allForRefinement(app, { model, cycle, promptVersions: chosen, limit });
        expect(found.palettes.map(({ seed, successCount }) => [seed, successCount])).toEqual([...expected].sort());
      }
    }
  });

  test("is judged on refinements that succeeded, failed, and came malformed", () => {
    const outcomes = refined.map(({ error, tags }) => (error ? "failed" : Array.isArray(tags) ? "malformed" : "succeeded"));
    expect(new Set(outcomes)).toEqual(new Set(["succeeded", "failed", "malformed"]));
  });

  test("says which build it read", async () => {
    const page = await app.query(internal.refinement.palettesForRefinement, {
      model: models[0]!,
      cycle: 1,
      promptVersions: versions,
    });
    expect(page.buildId).toBe(publishedRun().buildId);
  });
});

function of(seed: string, chosen: string[]): Consensus[] {
  return documents.filter((document) => document.seed === seed && chosen.includes(document.promptVersion));
}

/** Every count as [attribute, tag, count]: attributes by name, since Convex sorts fields, and each list in its order. */
function everyCount({ categorical, tags }: Pick<Consensus, "categorical" | "tags">): Count[] {
  const attributes = Object.entries({ ...categorical, ...tags }).sort();
  return attributes.flatMap(([attribute, counts]) => counts.map(({ key, value }): Count => [attribute, key, value]));
}

/** The same of several documents, the plain way: look for each tag in each document. */
function addedUp(merged: Consensus[]): Count[] {
  const all = merged.flatMap(everyCount);
  const attributes = new Set(all.map(([attribute]) => attribute));
  return [...attributes].sort().flatMap((attribute) => {
    const keys = new Set(all.filter(([name]) => name === attribute).map(([, key]) => key));
    const rows = [...keys].map((key): Count => [
      attribute,
      key,
      all.filter(([name, other]) => name === attribute && other === key).reduce((sum, [, , value]) => sum + value, 0),
    ]);
    return rows.sort((a, b) => b[2] - a[2] || Buffer.compare(Buffer.from(a[1]), Buffer.from(b[1])));
  });
}

/** The obvious shape of counts, which Convex doesn't take. */
function naive(counts: { key: string; value: number }[]): Record<string, number> {
  const object: Record<string, number> = {};
  for (const { key, value } of counts) object[key] = value;
  return object;
}

function subsets(of: string[]): string[][] {
  return of.reduce<string[][]>((all, one) => [...all, ...all.map((some) => [...some, one])], [[]]).slice(1);
}
