// Reads every fact of the three houses, from the beginning to the end, and checks it:
// its CloudEvents headers against HEADERS, its value against the JSON Schema of its type.
//
//     npm ci && node validate.mjs --bootstrap localhost:9092
//
// Prints how many there are of each type; ends with 1 at the first that is not what it should be.

import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Kafka, logLevel } from "kafkajs";

const HOUSES = ["gateway", "training", "billing"];
const SCHEMAS = fileURLToPath(new URL("../../../shared/facts/schemas", import.meta.url));

/** The headers of a house's facts; what depends on the fact is compared in `violation`. */
const HEADERS = {
  type: "object",
  required: [
    "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_dataschema",
    "ce_sequence", "content-type",
  ],
  properties: {
    ce_specversion: { const: "1.0" },
    ce_id: { type: "string", minLength: 1 },
    ce_source: { type: "string", format: "uri-reference" },
    ce_type: { type: "string", pattern: "^cagette\\.[a-z]+\\.[A-Za-z]+\\.v[1-9][0-9]*$" },
    ce_time: { type: "string", format: "date-time" },
    ce_subject: { type: "string", minLength: 1 },
    ce_dataschema: { type: "string", format: "uri-reference" },
    ce_sequence: { type: "string", pattern: "^[1-9][0-9]*$" },
    "content-type": { const: "application/json" },
  },
};

/** Everything that validates: the schemas of a folder, by the type of their fact. */
function schemasIn(folder) {
  const ajv = new Ajv2020({ strict: true });
  addFormats(ajv);
  const facts = new Map();
  for (const file of readdirSync(folder)) {
    const schema = JSON.parse(readFileSync(`${folder}/${file}`, "utf8"));
    facts.set(file.replace(/\.json$/, ""), ajv.compile(schema));
  }
  return { headers: ajv.compile(HEADERS), facts };
}

/** What is wrong with a message of a house, in words without its values; null if nothing is. */
function violation(house, message, schemas) {
  const headers = Object.fromEntries(
    Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
  if (!schemas.headers(headers)) return `headers${errorsOf(schemas.headers)}`;
  const expected = {
    ce_id: `${house}:${headers.ce_sequence}`,
    ce_source: `/cagette/${house}`,
    ce_subject: String(message.key),
    ce_dataschema: `/schemas/${headers.ce_type}.json`,
  };
  for (const [name, value] of Object.entries(expected)) {
    if (headers[name] !== value) return `header ${name} should be ${value}`;
  }
  const validate = schemas.facts.get(headers.ce_type);
  if (!validate || headers.ce_type.split(".")[1] !== house) {
    return `${house} tells no fact ${headers.ce_type}`;
  }
  try {
    return validate(JSON.parse(String(message.value))) ? null : `value${errorsOf(validate)}`;
  } catch {
    return "the value is not JSON";
  }
}

const errorsOf = ({ errors }) => errors.map((e) => `${e.instancePath} ${e.message}`).join("; ");

/** Give every message that the topics hold now to `take`, until it answers a violation. */
async function readAll(kafka, houses, take) {
  const topics = [...houses.keys()];
  const left = await unread(kafka, topics);
  const reached = new Map(); // the group may make us begin again
  if (left.size === 0) return null;
  const consumer = kafka.consumer({ groupId: `validator-${randomUUID()}` });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    return await new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const eachMessage = async ({ topic, partition, message }) => {
        const place = `${topic}/${partition}`;
        const offset = BigInt(message.offset);
        if (!left.has(place) || offset <= (reached.get(place) ?? -1n)) return;
        const wrong = take(houses.get(topic), message);
        if (wrong) resolve(`${place} at ${offset}: ${wrong}`);
        reached.set(place, offset);
        if (offset >= left.get(place)) left.delete(place);
        if (left.size === 0) resolve(null);
      };
      consumer.run({ autoCommit: false, eachMessage }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

/** The last offset of every partition that holds anything. */
async function unread(kafka, topics) {
  const admin = kafka.admin();
  const last = new Map();
  try {
    await admin.connect();
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        if (BigInt(high) > BigInt(low)) last.set(`${topic}/${partition}`, BigInt(high) - 1n);
      }
    }
  } finally {
    await admin.disconnect();
  }
  return last;
}

const { values: given } = parseArgs({
  options: {
    bootstrap: { type: "string", default: "localhost:9092" },
    prefix: { type: "string", default: "cagette" },
    schemas: { type: "string", default: SCHEMAS },
  },
});
const kafka = new Kafka({
  clientId: "validator",
  brokers: given.bootstrap.split(","),
  logLevel: logLevel.NOTHING, // what it cannot get over, it throws
});
const houses = new Map(HOUSES.map((house) => [`${given.prefix}.${house}.facts.v1`, house]));
const schemas = schemasIn(given.schemas);
const counts = {};
const wrong = await readAll(kafka, houses, (house, message) => {
  const found = violation(house, message, schemas);
  if (!found) counts[message.headers.ce_type] = (counts[message.headers.ce_type] ?? 0) + 1;
  return found;
});
for (const type of Object.keys(counts).sort()) console.log(`${counts[type]} ${type}`);
if (wrong) console.error(wrong);
process.exitCode = wrong ? 1 : 0;
