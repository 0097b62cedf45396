"""Images that are broken, huge, or lead where nobody may look: each its own refusal, soon, and nothing piles up."""

from __future__ import annotations

import base64
import io
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from heylook_core.media.images import address, fetch
from heylook_core.testkit.server import live_server

from .conftest import Ask, data_url, png, settings, text_of
from .web import web_server

pytestmark = pytest.mark.integration

LIMIT_SECONDS = 5.0
LOOK = "[toy:look]"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png_of(width: int, height: int, rows: bytes, *, colour: int = 0, bits: int = 8) -> bytes:
    """A PNG with these dimensions in its header, whatever `rows` holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def jpeg(size: tuple[int, int] = (64, 64)) -> bytes:
    return png(size=size, kind="JPEG")


BOMB = png_of(50_000, 50_000, b"\0" * (1 << 20))
LIAR = png_of(2000, 2000, b"\0" * 100)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
GIF_OF_WIDE_FRAMES = (
    b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"
)

HOSTILE: dict[str, tuple[str, str]] = {
    "a bomb": (data_url(BOMB), "pixels"),
    "a GIF of four billion pixels": (data_url(GIF_OF_WIDE_FRAMES), "pixels"),
    "a PNG without its pixels": (data_url(LIAR), "damaged"),
    "a PNG cut off": (data_url(png(size=(300, 300))[:-40]), "damaged"),
    "a JPEG cut off": (data_url(jpeg()[:-200]), "damaged"),
    "a JPEG of its first bytes": (data_url(jpeg()[:20]), "none of these"),
    "a WebP cut off": (data_url(png(size=(64, 64), kind="WEBP")[:30]), ""),
    "SVG": (f"data:image/svg+xml;base64,{encoded(SVG)}", "SVG"),
    "SVG as text": ("data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "a web page": (data_url(b"<!doctype html><p>x</p>"), "HTML"),
    "TIFF, which nobody asked for": (data_url(png(kind="TIFF")), "JPEG, PNG, WebP, BMP or GIF"),
    "PostScript": (data_url(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "none of these"),
    "text": (data_url(b"hello, this is no image"), "none of these"),
    "nothing": ("data:image/png;base64,", "empty"),
    "an empty URL": ("", "empty"),
    "a data URL without a comma": ("data:image/png;base64", "no comma"),
    "wrong padding": ("data:image/png;base64,iVBORw0KGgo", "base64"),
    "letters that are not base64": ("data:image/png;base64,@@@@", "base64"),
    "base64 of the web kind": ("data:image/png;base64,_-__", "base64"),
    "a local file as URL": ("file:///etc/hostname", "Local files are never read"),
    "a local file as path": ("/etc/hostname", "Local files are never read"),
    "a local file on Windows": ("C:\\Windows\\win.ini", "Local files are never read"),
    "a relative path": ("../../etc/passwd", "Local files are never read"),
    "another scheme": ("ftp://example.com/a.png", "'ftp'"),
    "a script": ("javascript:alert(1)", "'javascript'"),
    "the placeholder of forms": ("__RAW_IMAGE__", "base64"),
    "loopback": ("http://127.0.0.1:1/a.png", "public internet"),
    "loopback by name": ("http://localhost:1/a.png", "public internet"),
    "loopback as a number": ("http://2130706433/a.png", "public internet"),
    "loopback in another form": ("http://0x7f.1/a.png", "public internet"),
    "loopback inside IPv6": ("http://[::ffff:127.0.0.1]:1/a.png", "public internet"),
    "any address": ("http://0.0.0.0:1/a.png", "public internet"),
    "a private address": ("http://10.0.0.1/a.png", "public internet"),
    "metadata of a cloud": ("http://169.254.169.254/latest/meta-data/", "public internet"),
    "no host": ("http:///a.png", "valid web address"),
    "a port that is none": ("http://example.com:99999/a.png", "valid web address"),
    "a line break in a URL": ("http://example.com/a\r\nX: y", "valid web address"),
    "a name that nobody has": ("http://nobody.invalid/a.png", "not known"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_image_has_its_refusal(ask: Ask, name: str):
    url, why = HOSTILE[name]
    started = time.monotonic()
    answer = ask(LOOK, url)
    assert time.monotonic() - started < LIMIT_SECONDS
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert why in error["message"]
    assert error["param"] == "messages[0].content[1]"


def test_a_file_of_too_many_bytes_is_refused_before_it_is_decoded(ask: Ask):
    padded = png() + b"\0" * (21 << 20)
    answer = ask(LOOK, data_url(padded))
    assert (answer.status_code, "20,971,520 bytes" in answer.json()["error"]["message"]) == (400, True)


def test_too_many_images_and_too_many_pixels_are_refused(ask: Ask):
    answer = ask(LOOK, *[data_url(png())] * 33)
    assert (answer.status_code, "33 images" in answer.json()["error"]["message"]) == (400, True)
    large = data_url(png_of(6000, 6000, b"\0" * 6000 * 6001))
    assert text_of(ask(LOOK, large, resize_max=64)) == "64x64 #000000"
    answer = ask(LOOK, large, large, large, resize_width=6000)
    assert (answer.status_code, "pixels together" in answer.json()["error"]["message"]) == (400, True)


def test_odd_images_that_are_sound_are_taken(ask: Ask):
    assert text_of(ask(LOOK, data_url(png(size=(1, 1))))) == "1x1 #ff0000"
    assert text_of(ask(LOOK, encoded(png()))) == "4x4 #ff0000"
    broken_lines = "\r\n".join(encoded(png())[at : at + 20] for at in range(0, 400, 20))
    assert text_of(ask(LOOK, f"data:image/png;base64,{broken_lines}")) == "4x4 #ff0000"
    assert text_of(ask(LOOK, f"DATA:IMAGE/PNG;BASE64,{encoded(png())}")) == "4x4 #ff0000"
    assert text_of(ask(LOOK, f"data:text/plain;base64,{encoded(png())}")) == "4x4 #ff0000"
    grey = png_of(2, 1, b"\0\x80\0\xff\xff", colour=0, bits=16)
    assert text_of(ask(LOOK, data_url(grey))) == "2x1 #c0c0c0"


def test_what_the_model_cannot_take_is_its_own_refusal(ask: Ask):
    answer = ask(LOOK, data_url(png(size=(20_000, 1))))
    assert (answer.status_code, "at most 4096 pixels" in answer.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_formats_are_known_by_their_content(ask: Ask, kind: str):
    assert text_of(ask(LOOK, data_url(png((0, 0, 255), (8, 8), kind)))).startswith("8x8 #0000f")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_moving_images_the_first_one_counts(ask: Ask, kind: str):
    frames = [Image.new("RGB", (5, 5), colour) for colour in ((0, 0, 0), (255, 255, 255))]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=100)
    assert text_of(ask(LOOK, data_url(file.getvalue()))) == "5x5 #000000"


def test_images_are_turned_as_the_camera_says(ask: Ask):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (40, 20), (0, 0, 255)).save(file, "PNG", exif=exif)
    assert text_of(ask(LOOK, data_url(file.getvalue()))) == "20x40 #0000ff"


def test_nothing_piles_up(ask: Ask):
    """Broken and refused images by the hundred leave no memory behind."""
    urls = [url for url, _ in HOSTILE.values() if not url.startswith("http")]

    def send() -> int:
        for url in urls:
            ask(LOOK, url)
        ask(LOOK, data_url(png_of(6000, 6000, b"\0" * 6000 * 6001)), resize_max=64)
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 if Path("/proc/self/statm").exists() else 0

    for _ in range(3):
        send()
    before = send()
    after = [send() for _ in range(8)][-1]
    assert after - before < 32 << 20


# ------------------------------------------------------------------ from the web


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with web_server() as url:
        yield url


@pytest.fixture(scope="module")
def anywhere() -> Iterator[httpx.Client]:
    """A server that fetches from any address."""
    allowing = settings(fetch="allow", fetch_timeout=1.0)
    with live_server(allowing) as running, httpx.Client(base_url=running.url, timeout=60) as client:
        yield client


def ask_for(client: httpx.Client, url: str) -> httpx.Response:
    parts = [{"type": "text", "text": LOOK}, {"type": "image_url", "image_url": {"url": url}}]
    return client.post("/v1/chat/completions", json={"model": "eyes", "messages": [{"role": "user", "content": parts}]})


def test_an_image_is_fetched_where_settings_allow_it(anywhere: httpx.Client, web: str):
    assert text_of(ask_for(anywhere, f"{web}/image.png")) == "4x4 #ff0000"
    assert text_of(ask_for(anywhere, f"{web}/on")) == "4x4 #ff0000"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("text", "HTML"),
        ("gone", "404"),
        ("huge", "bytes"),
        ("endless", "bytes"),
        ("cut", "broke off"),
        ("drip", "within 1 seconds"),
        ("header", "within 1 seconds"),
        ("silent", "within 1 seconds"),
        ("noise", "could not be fetched"),
        ("file", "not on the web"),
        ("circle", "leads on"),
        ("local", "refused"),
    ],
)
def test_each_bad_web_server_has_its_refusal(anywhere: httpx.Client, web: str, path: str, why: str):
    started = time.monotonic()
    answer = ask_for(anywhere, f"{web}/{path}")
    assert time.monotonic() - started < LIMIT_SECONDS
    assert answer.status_code == 400, answer.text
    assert why in answer.json()["error"]["message"], answer.text


def test_nothing_is_fetched_where_settings_forbid_it(web: str):
    with live_server(settings(fetch="deny")) as running, httpx.Client(base_url=running.url, timeout=60) as client:
        answer = ask_for(client, f"{web}/image.png")
    assert (answer.status_code, "`images.fetch` is deny" in answer.json()["error"]["message"]) == (400, True)


@pytest.fixture
def public_name(monkeypatch: pytest.MonkeyPatch, web: str) -> str:
    """A name on the public internet that leads to the web server of the tests."""
    port = int(web.rpartition(":")[2])
    resolve, connect = address.resolved, fetch.connected

    def resolved(host: str, number: int, seconds: float) -> list[str]:
        return ["93.184.215.14"] if host == "pictures.test" else resolve(host, number, seconds)

    def connected(place: tuple[str, int], seconds: float) -> object:
        return connect(("127.0.0.1", port) if place == ("93.184.215.14", 80) else place, seconds)

    monkeypatch.setattr(address, "resolved", resolved)
    monkeypatch.setattr(fetch, "connected", connected)
    return "http://pictures.test"


def test_a_public_address_may_lead_on_to_public_ones_only(http: httpx.Client, public_name: str):
    assert text_of(ask_for(http, f"{public_name}/image.png")) == "4x4 #ff0000"
    assert text_of(ask_for(http, f"{public_name}/on")) == "4x4 #ff0000"
    for path in ("local", "metadata"):
        answer = ask_for(http, f"{public_name}/{path}")
        assert (answer.status_code, "public internet" in answer.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("::ffff:93.184.215.14", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:53aa:64c::", False),
        ("not an address", False),
    ],
)
def test_public_addresses_are_told_from_others(ip: str, public: bool):
    assert address.is_public(ip) is public
