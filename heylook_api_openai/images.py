"""Images of a conversation in neutral words: where they are, and what is to be done to them."""

from __future__ import annotations

from heylook_api_openai.schema import OpenAIChatRequest, OpenAIImageUrl
from heylook_core.errors import InvalidRequest
from heylook_core.messages import ImageOptions, ImagePart

DETAILS = ("auto", "low", "high", "original")


def image_part(image: OpenAIImageUrl | str, path: str, detail: str | None = None) -> ImagePart:
    """An image by its URL, or by an object with one. Raises InvalidRequest for a `detail` that nobody knows."""
    if isinstance(image, OpenAIImageUrl):
        return image_part(image.url, path, image.detail)
    if detail is not None and detail not in DETAILS:
        message = f"`{path}`: the detail {detail[:40]!r} is not one of {', '.join(DETAILS)}."
        raise InvalidRequest(message, param=path)
    return ImagePart(image, detail, path=path)


def image_options(body: OpenAIChatRequest) -> ImageOptions:
    """Raises InvalidRequest where both a bound and a size are asked for."""
    if body.resize_max and (body.resize_width or body.resize_height):
        message = "`resize_max` bounds the longer side; leave it out beside `resize_width` and `resize_height`."
        raise InvalidRequest(message, param="resize_max")
    return ImageOptions(
        largest=body.resize_max,
        width=body.resize_width,
        height=body.resize_height,
        quality=body.image_quality,
        keep_alpha=bool(body.preserve_alpha),
    )
