"""Which kind of sound file some bytes are, by what they begin with."""

from __future__ import annotations

# FFmpeg's names of the demuxers that may be used. Its others read playlists, pictures, and things on the network.
DEMUXERS = ("wav", "w64", "mp3", "mov", "matroska", "flac", "ogg", "aac", "aiff", "caf", "au", "amr")

# And of the decoders.
DECODERS = (
    *("aac", "aac_latm", "alac", "flac", "mp1float", "mp2float", "mp3float", "mp3", "mp2", "mp1", "opus", "libopus"),
    *("vorbis", "libvorbis", "wavpack", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "gsm", "gsm_ms"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s16le"),
    *("pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le"),
    "pcm_f64be",
)

NAMES = "WAV, MP3, M4A or MP4, FLAC, OGG, Opus, WebM, AAC, AIFF, CAF, AU or AMR"

HEAD_BYTES = 16


def container(head: bytes) -> str | None:
    """The demuxer for a file that begins with `head`; None where it cannot be told, as of an MP3 that begins oddly."""
    for at, magic, name in MAGIC:
        if head[at : at + len(magic)] == magic:
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"  # the two bits of the layer are 0 in ADTS
    return None


MAGIC = (
    (8, b"WAVE", "wav"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b"ID3", "mp3"),
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"#!AMR", "amr"),
)
