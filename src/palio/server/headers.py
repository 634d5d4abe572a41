"""Headers of every answer: what a page may load, and how long an answer may be kept."""

import hashlib

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing from elsewhere, nothing inline, in no frame.
POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
FIXED = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
IMMUTABLE = "public, max-age=31536000, immutable"
FRESH = "no-cache"


class FixedHeaders:
    """Adds the fixed headers to every answer, errors included."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in FIXED.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", FRESH)
            await send(message)

        await self._application(scope, receive, send_with_headers)


def tagged(
    request: Request, body: bytes, media_type: str, *, digest: str | None = None
) -> Response:
    """An answer with an entity tag, or 304 if the asker has it already.

    Args:
        request: what was asked.
        body: the whole answer.
        media_type: of the body.
        digest: names a body that can never change; such an answer may be kept for ever.
    """
    tag = f'"{digest or hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": IMMUTABLE if digest else FRESH}
    known = {
        one.strip().removeprefix("W/")
        for one in request.headers.get("if-none-match", "").split(",")
    }
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)
