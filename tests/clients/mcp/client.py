"""The official Python client against Chronos.

  client.py <2026-07-28|legacy|auto> <url>
  client.py <2026-07-28|legacy|auto> <program> <argument>...

The server offers the fixtures of the official tests (--conformance).
"""
import asyncio
import sys

from mcp import Client, MCPError, StdioServerParameters
from mcp.types import ElicitResult


async def answer(context, params):
    field = next(iter(params.requested_schema["properties"]))
    return ElicitResult(action="accept", content={field: "Alice"})


async def main(mode, target, *arguments):
    server = target if target.startswith("http") else StdioServerParameters(command=target, args=list(arguments))
    async with Client(server, mode=mode, elicitation_callback=answer) as client:
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28"), client.protocol_version
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "overview" in names
        overview = await client.call_tool("overview", {})
        assert not overview.is_error, overview
        try:
            await client.call_tool("overvew", {})
            raise AssertionError("a tool that is not there was called")
        except MCPError as error:
            assert "overview" in str(error)
        answered = await client.call_tool("test_input_required_result_multi_round", {})
        assert "Alice" in answered.content[0].text

        reports = []

        async def report(progress, total, message):
            reports.append(progress)

        await client.call_tool("test_tool_with_progress", {}, progress_callback=report)
        assert reports == [0, 50, 100], reports
        read = await client.read_resource("test://static-text")
        assert "static text" in read.contents[0].text
        prompt = await client.get_prompt("test_simple_prompt")
        assert prompt.messages
        if mode != "legacy":
            async with client.listen(tools_list_changed=True) as subscription:
                await client.call_tool("test_trigger_tool_change", {})
                async with asyncio.timeout(5):
                    async for _ in subscription:
                        break
    print(f"ok: python mcp, {mode}, {target}")


asyncio.run(main(*sys.argv[1:]))
