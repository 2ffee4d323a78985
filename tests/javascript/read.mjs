// Opens a document that Huiliu exported, with Automerge's JavaScript, and says as JSON what is in it: the heads, and of each
// key all values that stand there, the winner first. Bytes are written in hexadecimal.
import { readFileSync } from "node:fs";
import * as Automerge from "@automerge/automerge";

const plain = (value) => (value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("hex") } : value);
const document = Automerge.load(readFileSync(process.argv[2]));
const values = {};
for (const key of Object.keys(document)) {
  const all = Object.values(Automerge.getConflicts(document, key) ?? { one: document[key] }).map(plain);
  const winner = JSON.stringify(plain(document[key]));
  all.sort((a, b) => (JSON.stringify(b) === winner) - (JSON.stringify(a) === winner));
  values[key] = all;
}
console.log(JSON.stringify({ heads: Automerge.getHeads(document).sort(), changes: Automerge.getAllChanges(document).length, values }));
