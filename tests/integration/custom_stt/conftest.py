"""The server and the plugin of each test, and that nothing of them is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest_asyncio
from aiohttp import web
from livekit.plugins import custom_stt

from tests.integration.custom_stt.application import KEY, App, Launch
from tests.integration.custom_stt.server import Server


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/ws/transcribe", server.stream)
    app.router.add_post("/transcribe", server.transcribe)
    app.router.add_get("/health", server.health)
    runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest_asyncio.fixture
async def launch(server: Server) -> AsyncIterator[Launch]:
    """Makes the plugin under test; sees to it that nothing of it is left."""
    http = aiohttp.ClientSession()
    apps: list[App] = []

    def make(**options: Any) -> App:
        plugin = custom_stt.STT(server.url, http_session=http, api_key=KEY, **options)
        app = App(plugin, http)
        plugin.on("error", app.errors.append)
        plugin.on("metrics_collected", lambda m: app.metrics.append(m.audio_duration))
        apps.append(app)
        return app

    yield make
    for app in apps:
        await app.stt.aclose()
    await http.close()
    left = {task.get_name() for task in asyncio.all_tasks()}
    assert not [name for name in left if name.startswith("custom_stt")]
