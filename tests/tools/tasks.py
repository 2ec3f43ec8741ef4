"""An agent on the official Python client, whose extension for tasks is written here: tasks.py URL KEY ARGUMENTS. It does what tasks.mjs
does; a wait that became a task is finished within the call."""

import asyncio
import json
import sys
from typing import Any, Literal

import httpx2
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Request, RequestParams, Result


class TaskParams(RequestParams):
    task_id: str


class GetTask(Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class Task(Result):
    result_type: Literal["task"]
    task_id: str
    poll_interval_ms: int


class TaskState(Result):
    status: str
    poll_interval_ms: int | None = None
    result: dict[str, Any] | None = None


class Tasks(ClientExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def claims(self) -> list[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Task, resolve=finish)]


async def finish(task: Task, context: ClaimContext) -> CallToolResult:
    say({"kind": task.result_type})
    while True:
        state = await context.session.send_request(GetTask(params=TaskParams(task_id=task.task_id)), TaskState)
        if state.status != "working":
            return CallToolResult.model_validate(state.result)
        await asyncio.sleep((state.poll_interval_ms or 1_000) / 1_000)


async def main(url: str, key: str, arguments: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode="2026-07-28", extensions=[Tasks()]) as client:
            result = await client.call_tool("temp_chat_wait_for_messages", json.loads(arguments))
            say({"structuredContent": result.structured_content})


def say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


asyncio.run(main(*sys.argv[1:]))
