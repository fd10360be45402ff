// The requests that AllSource's client for TypeScript makes, and what it reads of the answers, by fetch alone:
//
//     node allsource_http.mjs <url> <key>
import assert from "node:assert/strict";

const [url, key] = process.argv.slice(2);

async function ask(method, path, body) {
  const headers = { "X-API-Key": key, Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

// One event: its acknowledgement stands under data.
const one = await ask("POST", "/api/v1/events", { event_type: "cart.opened", entity_id: "ts:1", payload: { n: 1 } });
assert.equal(one.status, 200);
assert.match(one.body.data.event_id, /^[0-9a-f-]{36}$/);
assert.equal(one.body.data.version, 1);
assert.ok(Date.parse(one.body.data.timestamp));

// A batch: data is the list of acknowledgements, in the order of the events, and count their number.
const events = Array.from({ length: 250 }, (_, i) => ({
  event_type: "cart.filled", entity_id: "ts:1", payload: { n: i + 2 }, metadata: { source: "check" },
}));
const batch = await ask("POST", "/api/v1/events/batch", { events });
assert.equal(batch.status, 200);
assert.equal(batch.body.count, 250);
assert.deepEqual(batch.body.data.map((event) => event.version), events.map((_, i) => i + 2));
assert.equal(new Set(batch.body.data.map((event) => event.event_id ?? event.id)).size, 250);
assert.ok(batch.body.data.every((event) => Date.parse(event.timestamp)));

// A fold over the one answer of a query without limit sees every event, oldest first.
const all = await ask("GET", "/api/v1/events/query?" + new URLSearchParams({ entity_id: "ts:1" }));
assert.equal(all.body.count, 251);
assert.equal(all.body.events.reduce((sum, event) => sum + event.payload.n, 0), (251 * 252) / 2);
assert.deepEqual(all.body.events.map((event) => event.version), all.body.events.map((_, i) => i + 1));
const page = await ask("GET", "/api/v1/events/query?" + new URLSearchParams({ entity_id: "ts:1", limit: 2, offset: 3 }));
assert.deepEqual(page.body.events.map((event) => event.payload.n), [4, 5]);

assert.equal((await ask("GET", "/health")).body.status, "healthy");
assert.equal((await ask("GET", "/api/v1/projections")).status, 404);
console.log("requests of AllSource's client for TypeScript: as it should be");
