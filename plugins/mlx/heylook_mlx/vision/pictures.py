"""Where pictures stand in a model's prompts, by its own processor. Prepare thread and engine thread."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heylook_core.errors import HeylookError, InvalidRequest, LoadFailed
from heylook_core.messages import ImagePart, Message, Picture, TextPart
from heylook_core.text.template import ChatTemplate
from heylook_core.vision import Encode, MediaSpan, Prompt, Vision
from heylook_mlx.embedding import frame_of

MOST_BYTES = 256 << 20  # of arrays that wait for the engine
MOST_LAYOUTS = 1024
TEXT_INPUTS = {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids", "num_image_tokens"}

Array = np.ndarray[Any, Any]


class Layout(NamedTuple):
    """What stands for one picture: its text in full, the ids from its first position to its last, and its patches."""

    text: str
    ids: tuple[int, ...]
    grid: Array | None


class Pictures(Vision):
    """A picture's processor knows how many positions it takes; it is asked once for each picture.

    Raises LoadFailed where the processor names no token for images.
    """

    def __init__(self, processor: Any, template: str | None, special: Mapping[str, str]) -> None:
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._lock = threading.Lock()
        self._layouts: OrderedDict[bytes, Layout] = OrderedDict()
        self._inputs: OrderedDict[bytes, dict[str, Array]] = OrderedDict()
        self._frame = frame_of(self._tokenizer)
        self.image_id, self.placeholder = self._tokens()
        self.marker = None if self._written_by(template, special) else self.placeholder

    def place(self, text: str, pictures: Sequence[Picture], encode: Encode) -> Prompt:
        found = [self._layout(picture) for picture in pictures]
        first, *rest = text.split(self.placeholder)
        whole = first + "".join(one.text + piece for one, piece in zip(found, rest, strict=True))
        return self._spans(encode(whole), pictures, found)

    def grid(self, picture: Picture) -> Array | None:
        """(1, 3): how many patches it has in time, height and width. Any thread."""
        return self._layout(picture).grid

    def take_inputs(self, picture: Picture) -> dict[str, Array]:
        """What the model encodes the picture from, `pixel_values` among it; not needed again. Any thread."""
        with self._lock:
            found = self._inputs.pop(picture.digest, None)
        return self._process(picture)[1] if found is None else found

    def _spans(self, tokens: list[int], pictures: Sequence[Picture], found: Sequence[Layout]) -> Prompt:
        spans: list[MediaSpan] = []
        at = 0
        for picture, one in zip(pictures, found, strict=True):
            at = _next(tokens, self.image_id, at)
            if tuple(tokens[at : at + len(one.ids)]) != one.ids:
                raise InvalidRequest("The model's tokenizer takes the images of this prompt apart.", param="messages")
            spans.append(MediaSpan(at, one.ids, picture))
            at += len(one.ids)
        if at == len(tokens):
            raise InvalidRequest("The prompt ends with an image; it needs text after it.", param="messages")
        return Prompt(tokens, tuple(spans))

    def _layout(self, picture: Picture) -> Layout:
        with self._lock:
            known = self._layouts.get(picture.digest)
        if known is None:
            known, inputs = self._process(picture)
            with self._lock:
                self._layouts[picture.digest] = known
                self._inputs[picture.digest] = inputs
                self._forget()
        return known

    def _forget(self) -> None:
        while len(self._layouts) > MOST_LAYOUTS:
            self._layouts.popitem(last=False)
        while len(self._inputs) > 1 and sum(map(_nbytes, self._inputs.values())) > MOST_BYTES:
            self._inputs.popitem(last=False)

    def _process(self, picture: Picture) -> tuple[Layout, dict[str, Array]]:
        from PIL import Image

        mode = "RGBA" if picture.channels == 4 else "RGB"
        image = Image.frombytes(mode, (picture.width, picture.height), picture.data).convert("RGB")
        try:
            found = dict(self._processor(text=[self.placeholder], images=[image]))
        except MemoryError:
            raise
        except Exception as error:
            message = f"The model's image processor cannot take an image of {picture.width} x {picture.height} pixels"
            raise InvalidRequest(f"{message}: {error}.", param="messages") from error
        ids = self._unframed(np.array(found["input_ids"]).reshape(-1).tolist())
        places = [at for at, id_ in enumerate(ids) if id_ == self.image_id]
        if not places:
            raise InvalidRequest("The model's image processor makes nothing of an image.", param="messages")
        text = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        inputs = {name: np.array(value) for name, value in found.items() if name not in TEXT_INPUTS}
        if "images" in inputs:
            inputs["pixel_values"] = inputs.pop("images")
        return Layout(text, tuple(ids[places[0] : places[-1] + 1]), inputs.get("image_grid_thw")), inputs

    def _unframed(self, ids: list[int]) -> list[int]:
        """Without what the tokenizer puts around every text."""
        before, after = self._frame
        if before and ids[: len(before)] == before:
            ids = ids[len(before) :]
        return ids[: -len(after)] if after and ids[-len(after) :] == after else ids

    def _tokens(self) -> tuple[int, str]:
        """The id of an image's positions, and the text that stands for a whole image."""
        names = [getattr(owner, "image_token", None) for owner in (self._processor, self._tokenizer)]
        name = next((str(one) for one in names if one), None)
        if name is None:
            raise LoadFailed("The model's processor names no token for images, so images cannot be placed in prompts.")
        begin = getattr(self._processor, "boi_token", None)
        return int(self._tokenizer.convert_tokens_to_ids(name)), str(begin or name)

    def _written_by(self, template: str | None, special: Mapping[str, str]) -> bool:
        """Whether the template writes the placeholder once for an image in a message."""
        if template is None:
            return False
        message = Message("user", (ImagePart(), TextPart("x")))
        try:
            return ChatTemplate(template, special).render((message,)).count(self.placeholder) == 1
        except HeylookError:
            return False


def _next(tokens: list[int], wanted: int, start: int) -> int:
    try:
        return tokens.index(wanted, start)
    except ValueError:
        return len(tokens)


def _nbytes(inputs: dict[str, Array]) -> int:
    return sum(value.nbytes for value in inputs.values())
