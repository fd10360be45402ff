// The official client of before 2026-07-28, as most programs still have it, against Chronos.
//
//   node old_client.mjs <url>
//   node old_client.mjs <program> <argument>...
//
// The server offers the fixtures of the official tests (--conformance).
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
    CreateMessageRequestSchema,
    ElicitRequestSchema,
    LoggingMessageNotificationSchema,
    ToolListChangedNotificationSchema
} from '@modelcontextprotocol/sdk/types.js';

const [target, ...rest] = process.argv.slice(2);
const isHttp = target.startsWith('http');
const transportOf = (...more) =>
    isHttp
        ? new StreamableHTTPClientTransport(new URL(target))
        : new StdioClientTransport({ command: target, args: [...rest, ...more] });
const transport = transportOf();
const client = new Client(
    { name: 'chronos-check', version: '1' },
    { capabilities: { elicitation: {}, sampling: {} } }
);
client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { username: 'al', email: 'a@b' } }));
client.setRequestHandler(CreateMessageRequestSchema, async () => ({
    role: 'assistant',
    model: 'none',
    content: { type: 'text', text: 'Paris' }
}));
const logged = [];
client.setNotificationHandler(LoggingMessageNotificationSchema, (message) => logged.push(message.params.data));
const changed = new Promise((resolve) => client.setNotificationHandler(ToolListChangedNotificationSchema, resolve));
await client.connect(transport);

await client.ping();
await client.setLoggingLevel('info');
const { tools } = await client.listTools();
assert.ok(tools.some((tool) => tool.name === 'overview'));
const overview = await client.callTool({ name: 'overview', arguments: {} });
assert.ok(!overview.isError, JSON.stringify(overview));

const user = await client.callTool({ name: 'test_elicitation', arguments: { message: 'Who?' } });
assert.match(user.content[0].text, /accept.*al/);
const sampled = await client.callTool({ name: 'test_sampling', arguments: { prompt: 'Capital?' } });
assert.equal(sampled.content[0].text, 'LLM response: Paris');
await client.callTool({ name: 'test_tool_with_logging', arguments: {} });
assert.equal(logged.length, 3);

await client.subscribeResource({ uri: 'test://watched-resource' });
await client.unsubscribeResource({ uri: 'test://watched-resource' });
await client.callTool({ name: 'test_trigger_tool_change', arguments: {} });
await changed;
// The answer comes over a stream that was closed meanwhile.
if (isHttp) assert.ok(!(await client.callTool({ name: 'test_reconnection', arguments: {} })).isError);

const controller = new AbortController();
const calledOff = client.callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined, {
    signal: controller.signal
});
setTimeout(() => controller.abort(), 20);
await assert.rejects(calledOff);
await client.ping();
if (isHttp) await transport.terminateSession();
await client.close();

// Once it has listed the tools, this client holds structured content to the output schema, also that of errors. It
// cannot ask anybody either, so that what cannot be undone comes as a plan.
const asked = new Client({ name: 'chronos-check', version: '1' }, { capabilities: {} });
const askedTransport = transportOf('--scope', 'write:forks');
await asked.connect(askedTransport);
await asked.listTools();
const told = async (name, args) => {
    const answer = await asked.callTool({ name, arguments: args });
    assert.equal(answer.isError, true, JSON.stringify(answer));
    return JSON.parse(answer.content[0].text);
};
for (const [name, args] of [
    ['get_state', { entity_id: 'order:1', as_of: 'last year' }],
    ['query_events', { event_type: 'order.*' }],
    ['fork_finish', { fork: 'nope', action: 'merge' }],
    ['overview', { max_tokens: 1 }]
]) {
    const error = await told(name, args);
    assert.ok(error.error.code && error.error.message && error.try, JSON.stringify(error));
}
const fork = (await asked.callTool({ name: 'fork_create', arguments: {} })).structuredContent.fork;
const discard = { fork, action: 'discard' };
const plan = await told('fork_finish', discard);
assert.ok(plan.confirmation_required, JSON.stringify(plan));
const done = await asked.callTool({ name: 'fork_finish', arguments: { ...discard, plan_token: plan.plan_token } });
assert.equal(done.structuredContent?.status, 'discarded', JSON.stringify(done));
if (isHttp) await askedTransport.terminateSession();
await asked.close();
console.log(`ok: @modelcontextprotocol/sdk, ${target}`);
