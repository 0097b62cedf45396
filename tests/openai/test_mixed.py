"""Two hundred requests of every kind at once: each gets its own answer."""

from __future__ import annotations

import asyncio

import openai
import pytest

from heylook_core.testkit.server import live_server, toy_settings

REQUESTS = 200


async def answered(client: openai.AsyncOpenAI, number: int) -> bool:
    """Ask in one of five ways for the words `answer NUMBER`; whether just they came back."""
    words = f"answer {number}"
    prompt = f"[toy:say={words}]"
    messages = [{"role": "user", "content": prompt}]
    match number % 5:
        case 0:
            whole = await client.chat.completions.create(model="toy", messages=messages)
            return whole.choices[0].message.content == words
        case 1:
            pieces = await client.chat.completions.create(model="toy", messages=messages, stream=True)
            return "".join([piece.choices[0].delta.content or "" async for piece in pieces if piece.choices]) == words
        case 2:
            text = await client.completions.create(model="toy", prompt=prompt, max_tokens=100)
            return text.choices[0].text == words
        case 3:
            vectors = await client.embeddings.create(model="toy", input=[words, words, "other"])
            one, two, other = (item.embedding for item in vectors.data)
            return one == two != other
        case _:
            reply = await client.responses.create(model="toy", input=prompt)
            return reply.output_text == words


@pytest.mark.integration
def test_two_hundred_mixed_requests_cross_no_answers():
    async def whole(url: str) -> list[bool]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=100) as client:
            return await asyncio.gather(*(answered(client, number) for number in range(REQUESTS)))

    with live_server(toy_settings(server={"max_queue": 2 * REQUESTS}, answer_tokens=200)) as server:
        assert asyncio.run(whole(server.url)) == [True] * REQUESTS
        assert len({record.request_id for record in server.finishes.get(REQUESTS)}) == REQUESTS
        assert all(state.in_flight == 0 for state in server.call(lambda: server.server.serving.residency.states()))
