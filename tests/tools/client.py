"""An agent on the official Python client: client.py URL KEY ERA. It does what client.mjs does."""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url: str, key: str, era: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=era) as client:

            async def call(name: str, **arguments: object) -> dict:
                result = await client.call_tool(name, arguments)
                assert not result.is_error, result
                return result.structured_content

            await client.list_tools()
            link = await call("temp_chat_create_link", title="A check-in")
            say(link)
            # That somebody came may be told before they have said a word.
            heard = link | {"events": []}
            while not any(event["type"] == "message" for event in heard["events"]):
                heard = await call(
                    "temp_chat_wait_for_messages",
                    link_id=link["link_id"],
                    after=heard["next_cursor"],
                    timeout_seconds=40,
                )
            say(heard)
            session = heard["events"][0]["session_id"]
            say(
                await call(
                    "temp_chat_send_message", session_id=session, text="Thank you!", after=heard["next_cursor"]
                )
            )


def say(value: dict) -> None:
    print(json.dumps(value), flush=True)


asyncio.run(main(*sys.argv[1:]))
