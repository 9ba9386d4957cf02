"""Pages for people, as answers: nothing is loaded from elsewhere, nothing is kept."""

from aiohttp import web

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def html_response(text: str, status: int = 200) -> web.Response:
    """Return a page."""
    response = web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)
    response.enable_compression()
    return response
