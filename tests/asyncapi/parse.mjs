// Reads an AsyncAPI document with AsyncAPI's own parser and says what each channel carries.
//
//   node parse.mjs asyncapi.json
//
// Prints JSON: by address of a channel, its messages with the fields of their payload. Ends with 1,
// and an error a line, if the document or a schema that it refers to is not valid. That there is a
// newer version of AsyncAPI is no error.

import { readFileSync } from "node:fs";
import { argv, exit, stdout } from "node:process";

import { Parser } from "@asyncapi/parser";

const HINT = 2;
const [file] = argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"), { source: file });

const errors = diagnostics.filter(({ severity }) => severity < HINT);
for (const { code, path, message } of errors) {
  console.error(`${code}: ${path.join("/")}: ${message}`);
}
if (errors.length || !document) exit(1);

const carried = document.channels().all().map((channel) => [
  channel.address(),
  Object.fromEntries(
    channel.messages().all().map((message) => [
      message.name(),
      Object.keys(message.payload().properties()).sort(),
    ]),
  ),
]);
stdout.write(JSON.stringify(Object.fromEntries(carried)));
