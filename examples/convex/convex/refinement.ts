/**
 * What a refinement job asks of the published consensus: which palettes wait, and what was said of them.
 *
 * A Convex query may read 16 MiB, 32,000 documents and 4,096 index ranges, and a document may have 1 MiB. Both functions
 * stop before the next palette if the largest documents there can be wouldn't fit any more, and say where to go on.
 */
import { compareValues, type Infer, v } from "convex/values";
import type { Doc } from "./_generated/dataModel";
import { internalQuery, type QueryCtx } from "./_generated/server";
import { categorical, counts, tags } from "./schema";

const MAX_DOCUMENT_BYTES = 2 ** 20;
const MAX_ARRAY = 8192;

/** Two hundred palettes with eight versions are 1,601 documents of the consensus, and as many index ranges. */
const MAX_PALETTES = 200;
const MAX_VERSIONS = 8;

type Consensus = Doc<"palette_tag_consensus">;
type Counts = Infer<typeof counts>;

/**
 * Palettes that have counted results for any of the prompt versions, and no successful refinement by that model in that
 * cycle: up to `limit` palettes of the app are looked at, in the order of their seeds, from after `after`.
 *
 * Ask again with `after: next` until `next` is null. `buildId` tells whether a new release was published in between.
 */
export const palettesForRefinement = internalQuery({
  args: {
    model: v.string(),
    cycle: v.number(),
    promptVersions: v.array(v.string()),
    after: v.optional(v.union(v.string(), v.null())),
    limit: v.optional(v.number()),
  },
  returns: v.object({
    palettes: v.array(
      v.object({
        paletteId: v.id("palettes"),
        seed: v.string(),
        imageUrl: v.string(),
        successCount: v.number(),
        promptVersions: v.array(v.string()),
      }),
    ),
    next: v.union(v.string(), v.null()),
    buildId: v.union(v.string(), v.null()),
  }),
  handler: async (ctx, { model, cycle, promptVersions, after, limit = 100 }) => {
    const versions = distinctVersions(promptVersions);
    if (!(limit >= 1 && limit <= MAX_PALETTES)) throw new Error(`limit has to be 1 to ${MAX_PALETTES}`);

    const waiting = [];
    let seen = after ?? null;
    let next: string | null = null;
    let looked = 0;
    const inOrder = ctx.db
      .query("palettes")
      .withIndex("by_seed", (q) => (seen === null ? q : q.gt("seed", seen)));
    for await (const palette of inOrder) {
      if (looked >= limit || !(await hasRoom(ctx, versions.length + 3))) {
        next = seen;
        break;
      }
      if (palette.seed === seen) continue; // a seed that two documents have is one palette
      looked += 1;
      seen = palette.seed;
      if (await isRefined(ctx, palette.seed, model, cycle)) continue;
      const documents = await consensus(ctx, palette.seed, versions);
      if (documents.length === 0) continue;
      waiting.push({
        paletteId: palette._id,
        seed: palette.seed,
        imageUrl: palette.imageUrl,
        successCount: sum(documents.map((document) => document.totalModels)),
        promptVersions: documents.map((document) => document.promptVersion),
      });
    }
    return { palettes: waiting, next, buildId: await currentBuild(ctx) };
  },
});

/**
 * For each palette that has counted results: its counts added up over the prompt versions, shaped like the consensus.
 *
 * Palettes that didn't fit are in `remaining`: ask again with them until it is empty.
 */
export const tagSummaries = internalQuery({
  args: { seeds: v.array(v.string()), promptVersions: v.array(v.string()) },
  returns: v.object({
    summaries: v.array(
      v.object({
        seed: v.string(),
        promptVersions: v.array(v.string()),
        totalModels: v.number(),
        categorical,
        tags,
        updatedAt: v.number(),
        truncatedTags: v.number(),
      }),
    ),
    remaining: v.array(v.string()),
    buildId: v.union(v.string(), v.null()),
  }),
  handler: async (ctx, { seeds, promptVersions }) => {
    const versions = distinctVersions(promptVersions);
    const wanted = [...new Set(seeds)];
    if (wanted.length > MAX_PALETTES) throw new Error(`${wanted.length} seeds: ask for up to ${MAX_PALETTES} at a time`);

    const summaries = [];
    let asked = 0;
    for (const seed of wanted) {
      if (!(await hasRoom(ctx, versions.length + 1))) break;
      const documents = await consensus(ctx, seed, versions);
      if (documents.length > 0) summaries.push(merge(seed, documents));
      asked += 1;
    }
    return { summaries, remaining: wanted.slice(asked), buildId: await currentBuild(ctx) };
  },
});

function distinctVersions(promptVersions: string[]): string[] {
  const versions = [...new Set(promptVersions)].sort(compareValues);
  if (versions.length < 1 || versions.length > MAX_VERSIONS) {
    throw new Error(`${versions.length} prompt versions: name 1 to ${MAX_VERSIONS}`);
  }
  return versions;
}

/** Whether so many documents can be read and still not pass what a query may read, however large they are. */
async function hasRoom(ctx: QueryCtx, documents: number): Promise<boolean> {
  const { bytesRead } = await ctx.meta.getTransactionMetrics();
  return bytesRead.remaining >= documents * MAX_DOCUMENT_BYTES;
}

async function consensus(ctx: QueryCtx, seed: string, versions: string[]): Promise<Consensus[]> {
  const found = await Promise.all(
    versions.map((version) =>
      ctx.db
        .query("palette_tag_consensus")
        .withIndex("by_seed_promptVersion", (q) => q.eq("seed", seed).eq("promptVersion", version))
        .unique(),
    ),
  );
  return found.filter((document) => document !== null);
}

/** Whether a refinement succeeded: no error, and an object of tags with something in it. Failed attempts stay beside it. */
async function isRefined(ctx: QueryCtx, seed: string, model: string, cycle: number): Promise<boolean> {
  const attempts = ctx.db
    .query("palette_tag_refined")
    .withIndex("by_seed_model_cycle", (q) => q.eq("seed", seed).eq("model", model).eq("cycle", cycle));
  for await (const { tags, error } of attempts) {
    const isObject = tags !== null && typeof tags === "object" && !Array.isArray(tags);
    if (error === undefined && isObject && Object.keys(tags).length > 0) return true;
  }
  return false;
}

async function currentBuild(ctx: QueryCtx): Promise<string | null> {
  return (await ctx.db.query("analytics_runs").first())?.buildId ?? null;
}

function merge(seed: string, documents: Consensus[]) {
  let cutOff = 0;
  /** Add up one attribute. A Map, since a tag may be `__proto__`. */
  const added = (countsOf: (document: Consensus) => Counts): Counts => {
    const totals = new Map<string, number>();
    for (const document of documents) {
      for (const { key, value } of countsOf(document)) totals.set(key, (totals.get(key) ?? 0) + value);
    }
    const merged = Array.from(totals, ([key, value]) => ({ key, value })).sort(mostSaidFirst);
    cutOff += Math.max(0, merged.length - MAX_ARRAY);
    return merged.slice(0, MAX_ARRAY);
  };
  return {
    seed,
    promptVersions: documents.map((document) => document.promptVersion),
    totalModels: sum(documents.map((document) => document.totalModels)),
    categorical: {
      temperature: added((document) => document.categorical.temperature),
      contrast: added((document) => document.categorical.contrast),
      brightness: added((document) => document.categorical.brightness),
      saturation: added((document) => document.categorical.saturation),
    },
    tags: {
      harmony: added((document) => document.tags.harmony),
      mood: added((document) => document.tags.mood),
      style: added((document) => document.tags.style),
      dominant_colors: added((document) => document.tags.dominant_colors),
      seasonal: added((document) => document.tags.seasonal),
      associations: added((document) => document.tags.associations),
    },
    updatedAt: Math.max(...documents.map((document) => document.updatedAt)),
    truncatedTags: sum(documents.map((document) => document.truncatedTags)) + cutOff,
  };
}

/** Highest first, ties by key in the order of UTF-8 bytes, as Convex and DuckDB have it; `<` would compare UTF-16. */
function mostSaidFirst(one: Counts[number], other: Counts[number]): number {
  return other.value - one.value || compareValues(one.key, other.key);
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
