import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

/** `[{key: "凉", value: 3}]`, most said first: a tag can't be a field's name, which has to be printable ASCII. */
export const counts = v.array(v.object({ key: v.string(), value: v.number() }));

export const categorical = v.object({
  temperature: counts,
  contrast: counts,
  brightness: counts,
  saturation: counts,
});

export const tags = v.object({
  harmony: counts,
  mood: counts,
  style: counts,
  dominant_colors: counts,
  seasonal: counts,
  associations: counts,
});

export default defineSchema({
  // Written by palette-analytics alone: each import replaces both tables in one transaction.
  palette_tag_consensus: defineTable({
    seed: v.string(),
    promptVersion: v.string(),
    totalModels: v.number(), // answers that count: the 10 in "calm: 7/10"
    categorical,
    tags,
    updatedAt: v.number(), // ms since 1970: the newest answer that counts
    truncatedTags: v.number(), // entries cut off to fit Convex's limits; 0 in all that is usual
  }).index("by_seed_promptVersion", ["seed", "promptVersion"]),

  // One row: which build the consensus is from.
  analytics_runs: defineTable({
    buildId: v.string(),
    snapshotTs: v.union(v.number(), v.null()), // ms since 1970
    publishedAt: v.number(), // ms since 1970
    palettes: v.number(),
    results: v.number(),
    countedResults: v.number(),
    consensusRows: v.number(),
    truncatedTags: v.number(),
    origin: v.optional(v.string()), // where the data came from: a deployment, or "file"; rows of older pushes lack these
    deletedResults: v.optional(v.number()), // answers that were ever deleted: what explains a smaller consensus
    isSample: v.optional(v.boolean()), // true: made-up data
  }),

  // The app's own.
  palettes: defineTable({
    seed: v.string(),
    imageUrl: v.string(),
  }).index("by_seed", ["seed"]),

  palette_tag_refined: defineTable({
    seed: v.string(),
    model: v.string(),
    cycle: v.number(),
    promptVersion: v.string(),
    sourcePromptVersions: v.optional(v.array(v.string())),
    sourceCycles: v.optional(v.array(v.number())),
    tags: v.any(), // an object; null where the call failed
    embedText: v.string(),
    inputSummary: v.optional(v.any()),
    error: v.optional(v.string()),
    usage: v.optional(v.object({ inputTokens: v.number(), outputTokens: v.number() })),
  }).index("by_seed_model_cycle", ["seed", "model", "cycle"]),
});
