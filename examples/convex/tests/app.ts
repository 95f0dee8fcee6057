import { convexTest } from "convex-test";
import type { FunctionArgs } from "convex/server";
import { internal } from "../convex/_generated/api";
import schema from "../convex/schema";
import type { Consensus } from "./published";

const { palettesForRefinement, tagSummaries } = internal.refinement;

/** A document of the consensus in which nothing is said. */
export const empty: Omit<Consensus, "seed" | "promptVersion"> = {
  totalModels: 10,
  categorical: { temperature: [], contrast: [], brightness: [], saturation: [] },
  tags: { harmony: [], mood: [], style: [], dominant_colors: [], seasonal: [], associations: [] },
  updatedAt: 1,
  truncatedTags: 0,
};

/** An app without data, held to Convex's limits of what a transaction may read and write. */
export function emptyApp() {
  return convexTest({ schema, modules: import.meta.glob("../convex/**/*.*s"), transactionLimits: true });
}
export type App = ReturnType<typeof emptyApp>;

/** Ask until the last page, as a job does. */
export async function allForRefinement(app: App, args: FunctionArgs<typeof palettesForRefinement>) {
  const palettes = [];
  let pages = 0;
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof app.query<typeof palettesForRefinement>>> = await app.query(
      palettesForRefinement,
      { ...args, after },
    );
    palettes.push(...page.palettes);
    after = page.next;
    pages += 1;
  } while (after !== null);
  return { palettes, pages };
}

/** Ask until nothing remains, as a job does. */
export async function allSummaries(app: App, seeds: string[], promptVersions: string[]) {
  const summaries = [];
  let pages = 0;
  for (let remaining = seeds; remaining.length > 0; pages += 1) {
    const page = await app.query(tagSummaries, { seeds: remaining, promptVersions });
    summaries.push(...page.summaries);
    remaining = page.remaining;
  }
  return { summaries, pages };
}
