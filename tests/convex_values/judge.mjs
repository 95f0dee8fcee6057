// Holds each line of JSONL files to what Convex takes: its encoder of values, and the limits of a document.
// Prints {"documents", "sizes"} (bytes, by Convex's own count); the first refused line ends it with 1.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { convexToJson, getDocumentSize, jsonToConvex } from "convex/values";

const MAX_BYTES = 2 ** 20;
const MAX_ELEMENTS = 8192;

function longest(value) {
  if (value === null || typeof value !== "object") return 0;
  const inside = Math.max(0, ...Object.values(value).map(longest));
  return Array.isArray(value) ? Math.max(value.length, inside) : inside;
}

function judge(line) {
  const value = jsonToConvex(JSON.parse(line));
  if (!isDeepStrictEqual(convexToJson(value), JSON.parse(line))) throw new Error("it comes back changed");
  const size = getDocumentSize(value);
  if (size > MAX_BYTES) throw new Error(`it has ${size} bytes`);
  if (longest(value) > MAX_ELEMENTS) throw new Error(`it holds an array of ${longest(value)} elements`);
  return size;
}

const sizes = [];
for (const path of process.argv.slice(2)) {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    try {
      sizes.push(judge(line));
    } catch (error) {
      console.error(`document ${sizes.length + 1}: ${error.message}`);
      process.exit(1);
    }
  }
}
console.log(JSON.stringify({ documents: sizes.length, sizes }));
