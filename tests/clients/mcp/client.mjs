// The official client of today against Chronos, in an era that is named: what it lists, calls, is asked and is told.
//
//   node client.mjs <modern|legacy> <url>
//   node client.mjs <modern|legacy> <program> <argument>...
//
// The server offers the fixtures of the official tests (--conformance).
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const [era, target, ...rest] = process.argv.slice(2);
const isModern = era === 'modern';
const transport = target.startsWith('http')
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args: rest });
const client = new Client(
    { name: 'chronos-check', version: '1' },
    {
        capabilities: { elicitation: { form: {} }, sampling: {}, roots: {} },
        versionNegotiation: { mode: isModern ? { pin: '2026-07-28' } : 'legacy' }
    }
);
let asked = 0;
client.setRequestHandler('elicitation/create', async (request) => {
    asked += 1;
    const field = Object.keys(request.params.requestedSchema.properties)[0];
    return { action: 'accept', content: { [field]: field === 'ok' ? true : 'Alice' } };
});
await client.connect(transport);
assert.equal(client.getNegotiatedProtocolVersion(), isModern ? '2026-07-28' : '2025-11-25');

const { tools } = await client.listTools();
assert.ok(tools.some((tool) => tool.name === 'overview'));
const overview = await client.callTool({ name: 'overview', arguments: {} });
assert.ok(!overview.isError, JSON.stringify(overview));
await assert.rejects(client.callTool({ name: 'overvew', arguments: {} }), /did you mean \\?"overview/);
const wrong = await client.callTool({ name: 'overview', arguments: { no_such: 1 } });
assert.ok(wrong.isError);

const reports = [];
await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, { onprogress: (report) => reports.push(report) });
assert.deepEqual(reports.map((report) => report.progress), [0, 50, 100]);

const answered = await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} });
assert.match(answered.content[0].text, /Alice/);
assert.equal(asked, 2);

const { resources } = await client.listResources();
assert.ok(resources.some((resource) => resource.uri === 'test://static-text'));
const read = await client.readResource({ uri: 'test://template/7/data' });
assert.match(read.contents[0].text, /Data for ID: 7/);
await assert.rejects(client.readResource({ uri: 'test://no-such' }));
const prompt = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } });
assert.match(prompt.messages[0].content.text, /arg1='a'/);
const { completion } = await client.complete({
    ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' },
    argument: { name: 'arg1', value: 'x' }
});
assert.deepEqual(completion.values, ['x1', 'x2']);

const changed = new Promise((resolve) => client.setNotificationHandler('notifications/tools/list_changed', resolve));
const subscription = isModern ? await client.listen({ toolsListChanged: true }) : undefined;
await client.callTool({ name: 'test_trigger_tool_change', arguments: {} });
await changed;
await subscription?.close();

// Many at once, in whatever order the answers come.
const texts = await Promise.all(
    Array.from({ length: 40 }, () => client.callTool({ name: 'test_simple_text', arguments: {} }))
);
assert.equal(texts.length, 40);
await client.close();
console.log(`ok: @modelcontextprotocol/client, ${era}, ${target}`);
