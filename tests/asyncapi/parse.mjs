// Reads AsyncAPI documents with AsyncAPI's own parser and says what each channel carries.
//
//   node parse.mjs a/asyncapi.json b/asyncapi.json
//
// Prints JSON: by file, `carried`: by address of a channel, its messages with the fields of their
// payload; or `errors`, one a line, if the document or a schema that it refers to is not valid. That
// there is a newer version of AsyncAPI is no error.

import { readFileSync } from "node:fs";
import { argv, stdout } from "node:process";

import { Parser } from "@asyncapi/parser";

const HINT = 2;

async function read(file) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"), { source: file });
  const errors = diagnostics
    .filter(({ severity }) => severity < HINT)
    .map(({ code, path, message }) => `${code}: ${path.join("/")}: ${message}`);
  return errors.length || !document ? { errors } : { carried: carried(document) };
}

function carried(document) {
  const channels = document.channels().all().map((channel) => [
    channel.address(),
    Object.fromEntries(
      channel.messages().all().map((message) => [
        message.name(),
        Object.keys(message.payload().properties()).sort(),
      ]),
    ),
  ]);
  return Object.fromEntries(channels);
}

const found = {};
for (const file of argv.slice(2)) found[file] = await read(file);
stdout.write(JSON.stringify(found));
