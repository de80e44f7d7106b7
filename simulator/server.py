"""The HTTP side: routes, statuses and bodies as ComfyUI v0.3.64 has them, each also under /api.

Facts: docs/facts/comfyui.md. Like the real server it answers 500 to a body that is no JSON, 200 to whatever is
asked of /queue, /interrupt and /free, and 200 with `{}` to /object_info of a class it lacks.
"""

import asyncio
import contextlib
import hashlib
import mimetypes
import os
import sys
import threading
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from simulator.execution import Machine, work
from simulator.faults import AT_ANSWER, BEFORE_ANSWER
from simulator.folders import inside
from simulator.hub import FEATURES, exec_info
from simulator.prompt_queue import PromptQueue
from simulator.validation import Verdict, validate

LARGEST_BODY = 100 * 1024 * 1024
LOOPBACK = ("localhost", "127.0.0.1", "::1")
VRAM_BYTES = 24 * 1024**3
PRETENDED = {"comfyui_version": "0.3.64", "pytorch_version": "2.9.1+simulated"}
FAULTY = {("POST", "prompt"), ("GET", "queue"), ("GET", "history"), ("GET", "object_info")}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """The routes around one machine and its queue."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._queue = PromptQueue(machine.hub.send_queue)
        self._number = 0

    def app(self) -> web.Application:
        """The application; its start-up begins the prompt worker, which ends with the process."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._gate])
        for method, path, handler in self._routes():
            app.router.add_route(method, path, handler)
            app.router.add_route(method, f"/api{path}", handler)
        app.on_startup.append(self._start)
        return app

    def _routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/ws", self._ws),
            ("GET", "/prompt", self._get_prompt),
            ("POST", "/prompt", self._post_prompt),
            ("GET", "/queue", self._get_queue),
            ("POST", "/queue", self._post_queue),
            ("GET", "/history", self._get_history),
            ("GET", "/history/{prompt_id}", self._get_history_of),
            ("POST", "/history", self._post_history),
            ("POST", "/interrupt", self._interrupt),
            ("POST", "/free", self._free),
            ("GET", "/system_stats", self._system_stats),
            ("GET", "/features", self._features),
            ("GET", "/object_info", self._object_info),
            ("GET", "/object_info/{node_class}", self._object_info_of),
            ("POST", "/upload/image", self._upload),
            ("GET", "/view", self._view),
        ]

    async def _start(self, _: web.Application) -> None:
        threading.Thread(
            target=work, args=(self._queue, self._machine), name="Thread-1 (prompt_worker)", daemon=True
        ).start()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """On a loopback host refuse pages of other origins; answer nothing at all once muted."""
        if self._machine.hub.mute:
            await asyncio.Event().wait()
        origin = request.headers.get("Origin")
        local = (urlsplit(f"//{request.host}").hostname or "") in LOOPBACK
        if local and origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
            return web.Response(status=403)
        response = await self._misled(request, handler)
        if self._machine.hub.mute:
            await asyncio.Event().wait()
        return response

    async def _misled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What the handler answers, or what a fault makes of it."""
        path = request.path.removeprefix("/api").strip("/").split("/")[0]
        if (request.method, path) not in FAULTY:
            return await handler(request)
        await request.read()
        fault = self._machine.faults.at_request(path, BEFORE_ANSWER)
        if fault is not None and fault.kind == "lost":
            return _cut(request)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        response = await handler(request)
        text = response.text if isinstance(response, web.Response) else None
        if text is None or (path == "history" and text == "{}"):
            return response
        fault = self._machine.faults.at_request(path, AT_ANSWER)
        if fault is not None and fault.kind == "cut":
            await _begin(request, text)
            return _cut(request)
        if fault is not None:
            posted = await request.json() if path == "prompt" else {}
            prompt_id = request.match_info.get("prompt_id") or str(posted.get("prompt_id"))
            return web.Response(text=fault.message.replace("PROMPT", prompt_id), content_type="application/json")
        return response

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        return await self._machine.hub.serve(request, self._queue.remaining())

    async def _get_prompt(self, _: web.Request) -> web.Response:
        return web.json_response(exec_info(self._queue.remaining()))

    async def _post_prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        number = float(body["number"]) if "number" in body else self._next_number(bool(body.get("front")))
        if "prompt" not in body:
            message = "No prompt provided"
            error = {"type": "no_prompt", "message": message, "details": message, "extra_info": {}}
            return web.json_response({"error": error, "node_errors": {}}, status=400)
        graph, prompt_id = body["prompt"], str(body.get("prompt_id", uuid.uuid4()))
        verdict = self._judge(graph, body.get("partial_execution_targets"))
        if verdict.error is not None:
            return web.json_response({"error": verdict.error, "node_errors": verdict.node_errors}, status=400)
        extra_data = body.get("extra_data", {})
        if "client_id" in body:
            extra_data["client_id"] = body["client_id"]
        self._queue.put((number, prompt_id, graph, extra_data, verdict.outputs))
        return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors})

    def _judge(self, graph: dict[str, dict[str, object]], targets: list[str] | None) -> Verdict:
        return validate(graph, self._machine.catalog.classes, self._machine.folders, targets)

    def _next_number(self, front: bool) -> int:
        number = -self._number if front else self._number
        self._number += 1
        return number

    async def _get_queue(self, _: web.Request) -> web.Response:
        running, waiting = self._queue.snapshot()
        return web.json_response({"queue_running": running, "queue_pending": waiting})

    async def _post_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self._queue.clear()
        for prompt_id in body.get("delete", []):
            self._queue.delete(prompt_id)
        return web.Response(status=200)

    async def _get_history(self, request: web.Request) -> web.Response:
        query = request.rel_url.query
        most = int(query["max_items"]) if "max_items" in query else None
        return web.json_response(self._queue.history(most=most, offset=int(query.get("offset", -1))))

    async def _get_history_of(self, request: web.Request) -> web.Response:
        return web.json_response(self._queue.history(request.match_info["prompt_id"]))

    async def _post_history(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self._queue.forget()
        for prompt_id in body.get("delete", []):
            self._queue.forget(prompt_id)
        return web.Response(status=200)

    async def _interrupt(self, request: web.Request) -> web.Response:
        body = {}
        with contextlib.suppress(ValueError):
            body = await request.json()
        prompt_id = body.get("prompt_id")
        running = [item[1] for item in self._queue.snapshot()[0]]
        if not prompt_id or prompt_id in running:
            self._machine.clock.interrupt()
        return web.Response(status=200)

    async def _free(self, request: web.Request) -> web.Response:
        body = await request.json()
        for flag in ("unload_models", "free_memory"):
            if body.get(flag, False):
                self._queue.set_flag(flag)
        return web.Response(status=200)

    async def _system_stats(self, _: web.Request) -> web.Response:
        page = os.sysconf("SC_PAGE_SIZE")
        system = {
            "os": os.name,
            "ram_total": os.sysconf("SC_PHYS_PAGES") * page,
            "ram_free": os.sysconf("SC_AVPHYS_PAGES") * page,
            **PRETENDED,
            "python_version": sys.version,
            "embedded_python": False,
            "argv": sys.argv,
        }
        memory = {"vram_total": VRAM_BYTES, "vram_free": VRAM_BYTES, "torch_vram_total": 0, "torch_vram_free": 0}
        device = {"name": "cuda:0 Simulated GPU : native", "type": "cuda", "index": 0, **memory}
        return web.json_response({"system": system, "devices": [device]})

    async def _features(self, _: web.Request) -> web.Response:
        return web.json_response(FEATURES)

    async def _object_info(self, _: web.Request) -> web.Response:
        return web.json_response(self._machine.catalog.all_info(self._machine.folders.input))

    async def _object_info_of(self, request: web.Request) -> web.Response:
        name = request.match_info["node_class"]
        known = name in self._machine.catalog.classes
        info = {name: self._machine.catalog.info(name, self._machine.folders.input)} if known else {}
        return web.json_response(info)

    async def _upload(self, request: web.Request) -> web.Response:
        post = await request.post()
        image, subfolder = post.get("image"), str(post.get("subfolder", ""))
        kind = str(post.get("type", "input"))
        folder = self._machine.folders.by_type(kind)
        if folder is None:
            raise web.HTTPInternalServerError
        if not isinstance(image, web.FileField) or not image.filename:
            return web.Response(status=400)
        target = folder / os.path.normpath(subfolder) / image.filename
        if not inside(target, folder):
            return web.Response(status=400)
        content = image.file.read()
        target.parent.mkdir(parents=True, exist_ok=True)
        if str(post.get("overwrite")) not in ("true", "1"):
            target = _free_name(target, content)
        target.write_bytes(content)
        return web.json_response({"name": target.name, "subfolder": subfolder, "type": kind})

    async def _view(self, request: web.Request) -> web.StreamResponse:
        query = request.rel_url.query
        if "filename" not in query:
            return web.Response(status=404)
        name, folder = self._machine.folders.split(query["filename"])
        folder = folder or self._machine.folders.by_type(query.get("type", "output"))
        if not name or name.startswith("/") or ".." in name or folder is None:
            return web.Response(status=400)
        parent = folder / query.get("subfolder", "")
        if not inside(parent, folder):
            return web.Response(status=403)
        path = parent / Path(name).name
        if not path.is_file():
            return web.Response(status=404)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {"Content-Disposition": f'filename="{path.name}"', "Content-Type": kind}
        return web.FileResponse(path, headers=headers)


async def _begin(request: web.Request, text: str) -> None:
    """Send the head of an answer, and half of its body."""
    body = text.encode()
    begun = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "application/json"})
    await begun.prepare(request)
    await begun.write(body[: len(body) // 2])


def _cut(request: web.Request) -> web.Response:
    """End the connection; the response is for nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _free_name(target: Path, content: bytes) -> Path:
    """The same name for the same content, else `name (1).ext` and so on."""
    digest = hashlib.sha256(content).digest()
    number, candidate = 1, target
    while candidate.exists() and hashlib.sha256(candidate.read_bytes()).digest() != digest:
        candidate = target.with_name(f"{target.stem} ({number}){target.suffix}")
        number += 1
    return candidate
