"""What the fields of requests mean, for the API description. `Struct.field` goes before `field`."""

from __future__ import annotations

from typing import Final

MEANINGS: Final = {
    "model": "A model's id or alias, with or without a tag.",
    "OllamaNamedRequest.name": "The older word for `model`.",
    "messages": "The conversation, oldest message first; without any the model is loaded.",
    "prompt": "What is asked; without it the model is loaded.",
    "OllamaEmbeddingsRequest.prompt": "The text.",
    "input": "A text or a list of texts.",
    "stream": "Answer by lines of JSON, as it is made; only `false` switches it off.",
    "format": "`json` or a JSON Schema: holds the answer to it; needs the capability `schema`.",
    "keep_alive": "How long the model stays in memory: seconds, or as `5m`; 0 unloads it, below 0 keeps it.",
    "options": "Parameters of sampling and limits, as in a Modelfile.",
    "OllamaEmbedRequest.options": "Checked; none has an effect on vectors.",
    "OllamaEmbeddingsRequest.options": "Checked; none has an effect on vectors.",
    "think": "Whether the model reasons first, or how much: `low`, `medium`, `high`, `max`.",
    "truncate": "Leave out the oldest messages of a prompt that is too long; `false` refuses it.",
    "OllamaEmbedRequest.truncate": "Cut inputs that are too long; `false` refuses them.",
    "shift": "Cut a prompt that is still too long after its first `num_keep` tokens.",
    "logprobs": "Tell the log-probability of each token; needs the capability `logprobs`.",
    "top_logprobs": "So many alternatives to each token, with their log-probabilities.",
    "_debug_render_only": "Answer with the prompt as the model would get it.",
    "tools": "Functions that the model may call; needs the capability `tools`.",
    "suffix": "What follows the gap that is to be filled; needs the capability `fill_in_middle`.",
    "system": "What the system says.",
    "template": "Refused: the model's own is used.",
    "context": "What an earlier answer gave as `context`: goes on from there.",
    "raw": "Give the prompt to the model without its template.",
    "images": "Images in base64; need the capability `vision`.",
    "dimensions": "Only the first so many numbers of each vector, brought to length 1 again.",
    "verbose": "Without effect.",
}
