"""Send a WAV file to /v1/stt/stream as if it were spoken now, and print what is understood.

    python live_speech.py ws://127.0.0.1:8080/v1/stt/stream speech.wav

Needs `websockets`. The file has to hold 16-bit mono samples.
"""

import json
import sys
import threading
import time
import wave

from websockets.sync.client import ClientConnection, connect

CHUNKS_PER_SECOND = 10


def send(client: ClientConnection, recording: wave.Wave_read) -> None:
    """In real time, as a microphone would."""
    started = time.monotonic()
    chunk = 0
    while samples := recording.readframes(recording.getframerate() // CHUNKS_PER_SECOND):
        chunk += 1
        time.sleep(max(0.0, started + chunk / CHUNKS_PER_SECOND - time.monotonic()))
        client.send(samples)
    client.send(json.dumps({"type": "close"}))


def main(url: str, path: str) -> None:
    with wave.open(path, "rb") as recording, connect(f"{url}?sample_rate={recording.getframerate()}") as client:
        sender = threading.Thread(target=send, args=(client, recording))
        sender.start()
        for text in client:
            message = json.loads(text)
            if message["type"] in ("partial", "final"):
                print(f"{message['type']:8}{message['start']:8.2f}  {message['text']}", flush=True)
            elif message["type"] in ("warning", "error"):
                print(message, file=sys.stderr)
        sender.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
