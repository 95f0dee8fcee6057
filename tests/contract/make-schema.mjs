// Writes build/schema.json: a JSON Schema of the types in contract.ts.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createGenerator } from "ts-json-schema-generator";

const published = readFileSync("node_modules/@convex-dev/platform/dist/generatedDeploymentApi.d.ts", "utf8");
const [, schemas] = published.match(/^ {4}schemas: \{\n(.*?)^ {4}\};/ms);
const api = schemas
  // The generator doesn't follow a type by its place in another, so each gets a name of its own.
  .replace(/^ {8}(\w+): /gm, "export type $1 = ")
  .replace(/components\["schemas"\]\["(\w+)"\]/g, "$1")
  // Convex writes "an object of any fields" as an object of none.
  .replaceAll("Record<string, never>", "Record<string, unknown>")
  // The short words became long on 2026-07-21.
  .replaceAll('"excl"', '"excluded"')
  .replaceAll('"incl"', '"included"');
mkdirSync("build", { recursive: true });
writeFileSync("build/api.ts", api);

const generator = createGenerator({ path: "contract.ts", skipTypeCheck: true, additionalProperties: false });
writeFileSync("build/schema.json", JSON.stringify(generator.createSchema("*"), null, 2) + "\n");
