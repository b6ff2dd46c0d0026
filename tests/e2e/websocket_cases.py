# SPDX-License-Identifier: Apache-2.0
"""Cases of RFC 6455 for the stream, numbered after the parts 1 to 7, 9 and 10 of the Autobahn test
suite. Each has what is sent and what must come back from this server, which answers a text with a
text (what is no request, with an error), takes messages of at most 16 KiB, and no binary ones.

A step is a list of frames; `chop` cuts its bytes. What comes back: "answer", ("pong", payload),
("close", code); "alive" means that nothing was closed and a ping is still answered.
"""
import dataclasses
import struct

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LIMIT = 16 * 1024


@dataclasses.dataclass
class Frame:
    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    masked: bool = True
    length: int | None = None  # what the header says, where it lies
    wide: int = 0  # bytes of length beyond what is needed: 2 or 8


@dataclasses.dataclass
class Case:
    number: str
    what: str
    frames: list
    want: list
    chop: int = 0  # bytes sent at once; 0: all


def text(payload=b"", **more):
    return Frame(TEXT, payload if isinstance(payload, bytes) else payload.encode(), **more)


def close(code=None, reason=b""):
    return Frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


ALIVE = ["alive"]
ANSWER = ["answer", "alive"]
BROKEN = [("close", 1002)]
NO_TEXT = [("close", 1007)]
TOO_LARGE = [("close", 1009)]
NOT_TAKEN = [("close", 1003)]


def part_1():
    sizes = (0, 125, 126, 127, 128, 65535, 65536, 65536)
    for i, size in enumerate(sizes, 1):
        chop = 997 if i == 8 else 0
        fits = size <= LIMIT
        yield Case(f"1.1.{i}", f"text of {size} bytes", [text(b"*" * size)],
                   ANSWER if fits else TOO_LARGE, chop)
        yield Case(f"1.2.{i}", f"binary of {size} bytes", [Frame(BINARY, b"\xfe" * size)],
                   NOT_TAKEN if fits else TOO_LARGE, chop)


def part_2():
    def pong(payload):
        return ("pong", payload)
    for number, payload in (("2.1", b""), ("2.2", b"Hello, world!"),
                            ("2.3", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), ("2.4", b"\xfe" * 125)):
        yield Case(number, f"ping of {len(payload)} bytes", [Frame(PING, payload)],
                   [pong(payload), "alive"])
    yield Case("2.5", "ping of 126 bytes", [Frame(PING, b"\xfe" * 126)], BROKEN)
    yield Case("2.6", "ping, byte by byte", [Frame(PING, b"\xfe" * 125)],
               [pong(b"\xfe" * 125), "alive"], 1)
    yield Case("2.7", "unasked pong", [Frame(PONG)], ALIVE)
    yield Case("2.8", "unasked pong with payload", [Frame(PONG, b"unsolicited")], ALIVE)
    yield Case("2.9", "unasked pong, then ping", [Frame(PONG, b"unsolicited"), Frame(PING, b"p")],
               [pong(b"p"), "alive"])
    ten = [Frame(PING, f"payload-{i}".encode()) for i in range(10)]
    # Of pings that come at once the newest may be answered alone (RFC 6455, 5.5.3).
    yield Case("2.10", "ten pings", ten, [pong(b"payload-9"), "alive"])
    yield Case("2.11", "ten pings, byte by byte", ten, [pong(b"payload-9"), "alive"], 1)


def part_3():
    hello = "Hello, world!"
    yield Case("3.1", "RSV 1", [text(hello, rsv=1)], BROKEN)
    yield Case("3.2", "text, RSV 2, ping", [text(hello), text(hello, rsv=2), Frame(PING)],
               ["answer", ("close", 1002)])
    yield Case("3.3", "text, RSV 3, ping", [text(hello), text(hello, rsv=3), Frame(PING)],
               ["answer", ("close", 1002)], 5)
    yield Case("3.4", "text, RSV 4, ping", [text(hello), text(hello, rsv=4), Frame(PING)],
               ["answer", ("close", 1002)], 1)
    yield Case("3.5", "binary, RSV 5", [Frame(BINARY, b"\0", rsv=5)], BROKEN)
    yield Case("3.6", "ping, RSV 6", [Frame(PING, b"x", rsv=6)], BROKEN)
    yield Case("3.7", "close, RSV 7", [Frame(CLOSE, b"", rsv=7)], BROKEN)


def part_4():
    for part, opcodes in ((1, range(3, 8)), (2, range(11, 16))):
        for i, opcode in enumerate(opcodes, 1):
            frames = [Frame(opcode, b"x" if i > 1 else b""), Frame(PING)]
            if i > 2:
                frames = [text("Hello")] + frames
            yield Case(f"4.{part}.{i}", f"opcode {opcode}", frames,
                       (["answer"] if i > 2 else []) + BROKEN, {4: 5, 5: 1}.get(i, 0))


def part_5():
    one, two = Frame(TEXT, b"fragment1", fin=False), Frame(CONT, b"fragment2")
    ping = Frame(PING, b"ping payload")
    pong = ("pong", b"ping payload")
    for number, opcode in (("5.1", PING), ("5.2", PONG)):
        yield Case(number, "a control frame in fragments",
                   [Frame(opcode, b"a", fin=False), Frame(CONT, b"b")], BROKEN)
    for number, chop in (("5.3", 0), ("5.4", 5), ("5.5", 1)):
        yield Case(number, "text in two fragments", [one, two], ANSWER, chop)
    for number, chop in (("5.6", 0), ("5.7", 5), ("5.8", 1)):
        yield Case(number, "with a ping between", [one, ping, two], [pong, "answer", "alive"], chop)
    nothing = Frame(CONT, b"non-continuation payload")
    unfinished = Frame(CONT, b"non-continuation payload", fin=False)
    for i, (frame, chop) in enumerate([(nothing, 0), (nothing, 5), (nothing, 1),
                                       (unfinished, 0), (unfinished, 5), (unfinished, 1)], 9):
        yield Case(f"5.{i}", "nothing to continue", [frame, text("Hello")], BROKEN, chop)
    yield Case("5.15", "text, then nothing to continue", [one, two, unfinished, text("x")],
               ["answer", ("close", 1002)])
    yield Case("5.16", "unfinished twice", [unfinished, text("x"), nothing], BROKEN)
    yield Case("5.17", "nothing twice", [nothing, text("x"), nothing], BROKEN)
    yield Case("5.18", "a text within a text", [one, text("fragment2")], BROKEN)
    five = [Frame(TEXT, b"1", fin=False), Frame(CONT, b"2", fin=False), ping,
            Frame(CONT, b"3", fin=False), Frame(CONT, b"4", fin=False), ping, Frame(CONT, b"5")]
    yield Case("5.19", "five fragments, two pings", five, [pong, "answer", "alive"])
    yield Case("5.20", "the same in pieces", five, [pong, "answer", "alive"], 7)


VALID = {  # UTF-8 that is whole, by Autobahn's number
    "6.2.1": "Hello-µ@ßöäüàá-UTF-8!!".encode(),
    "6.5.1": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
    "6.6.2": b"\xce\xba", "6.6.5": b"\xce\xba\xe1\xbd\xb9",
    "6.6.7": b"\xce\xba\xe1\xbd\xb9\xcf\x83",
    "6.6.9": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc",
    "6.6.11": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
    "6.7.1": b"\x00", "6.7.2": b"\xc2\x80", "6.7.3": b"\xe0\xa0\x80", "6.7.4": b"\xf0\x90\x80\x80",
    "6.9.1": b"\x7f", "6.9.2": b"\xdf\xbf", "6.9.3": b"\xef\xbf\xbf", "6.9.4": b"\xf4\x8f\xbf\xbf",
    "6.11.1": b"\xed\x9f\xbf", "6.11.2": b"\xee\x80\x80", "6.11.3": b"\xef\xbf\xbd",
    "6.11.4": b"\xf4\x8f\xbf\xbf", "6.23.1": b"\xef\xbf\xb9",
    "6.23.2": b"\xef\xbf\xba", "6.23.3": b"\xef\xbf\xbb", "6.23.4": b"\xef\xbf\xbc",
    "6.23.5": b"\xef\xbf\xbd", "6.23.6": b"\xef\xbf\xbe", "6.23.7": b"\xef\xbf\xbf",
}
INVALID = {
    "6.3.1": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    "6.6.1": b"\xce", "6.6.3": b"\xce\xba\xe1", "6.6.4": b"\xce\xba\xe1\xbd",
    "6.6.6": b"\xce\xba\xe1\xbd\xb9\xcf", "6.6.8": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce",
    "6.6.10": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce",
    "6.8.1": b"\xf8\x88\x80\x80\x80", "6.8.2": b"\xfc\x84\x80\x80\x80\x80",
    "6.10.1": b"\xf7\xbf\xbf\xbf", "6.10.2": b"\xfb\xbf\xbf\xbf\xbf",
    "6.10.3": b"\xfd\xbf\xbf\xbf\xbf\xbf", "6.11.5": b"\xf4\x90\x80\x80",
    "6.12.1": b"\x80", "6.12.2": b"\xbf", "6.12.3": b"\x80\xbf", "6.12.4": b"\x80\xbf\x80",
    "6.12.5": b"\x80\xbf\x80\xbf", "6.12.6": b"\x80\xbf\x80\xbf\x80",
    "6.12.7": b"\x80\xbf\x80\xbf\x80\xbf", "6.12.8": bytes(range(0x80, 0xbf)),
    "6.13.1": b"".join(bytes([c, 32]) for c in range(0xc0, 0xe0)),
    "6.13.2": b"".join(bytes([c, 32]) for c in range(0xe0, 0xf0)),
    "6.13.3": b"".join(bytes([c, 32]) for c in range(0xf0, 0xf8)),
    "6.13.4": b"\xf8 \xf9 \xfa \xfb ", "6.13.5": b"\xfc \xfd ",
    "6.14.1": b"\xc0", "6.14.2": b"\xe0\x80", "6.14.3": b"\xf0\x80\x80",
    "6.14.4": b"\xf8\x80\x80\x80", "6.14.5": b"\xfc\x80\x80\x80\x80", "6.14.6": b"\xdf",
    "6.14.7": b"\xef\xbf", "6.14.8": b"\xf7\xbf\xbf", "6.14.9": b"\xfb\xbf\xbf\xbf",
    "6.14.10": b"\xfd\xbf\xbf\xbf\xbf",
    "6.15.1": b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80",
    "6.16.1": b"\xfe", "6.16.2": b"\xff", "6.16.3": b"\xfe\xfe\xff\xff",
    "6.17.1": b"\xc0\xaf", "6.17.2": b"\xe0\x80\xaf", "6.17.3": b"\xf0\x80\x80\xaf",
    "6.17.4": b"\xf8\x80\x80\x80\xaf", "6.17.5": b"\xfc\x80\x80\x80\x80\xaf",
    "6.18.1": b"\xc1\xbf", "6.18.2": b"\xe0\x9f\xbf", "6.18.3": b"\xf0\x8f\xbf\xbf",
    "6.18.4": b"\xf8\x87\xbf\xbf\xbf", "6.18.5": b"\xfc\x83\xbf\xbf\xbf\xbf",
    "6.19.1": b"\xc0\x80", "6.19.2": b"\xe0\x80\x80", "6.19.3": b"\xf0\x80\x80\x80",
    "6.19.4": b"\xf8\x80\x80\x80\x80", "6.19.5": b"\xfc\x80\x80\x80\x80\x80",
    "6.20.1": b"\xed\xa0\x80", "6.20.2": b"\xed\xad\xbf", "6.20.3": b"\xed\xae\x80",
    "6.20.4": b"\xed\xaf\xbf", "6.20.5": b"\xed\xb0\x80", "6.20.6": b"\xed\xbe\x80",
    "6.20.7": b"\xed\xbf\xbf",
    "6.21.1": b"\xed\xa0\x80\xed\xb0\x80", "6.21.2": b"\xed\xa0\x80\xed\xbf\xbf",
    "6.21.3": b"\xed\xad\xbf\xed\xb0\x80", "6.21.4": b"\xed\xad\xbf\xed\xbf\xbf",
    "6.21.5": b"\xed\xae\x80\xed\xb0\x80", "6.21.6": b"\xed\xae\x80\xed\xbf\xbf",
    "6.21.7": b"\xed\xaf\xbf\xed\xb0\x80", "6.21.8": b"\xed\xaf\xbf\xed\xbf\xbf",
}


def part_6():
    yield Case("6.1.1", "an empty text", [text()], ANSWER)
    yield Case("6.1.2", "three empty fragments",
               [text(fin=False), Frame(CONT, fin=False), Frame(CONT)], ANSWER)
    yield Case("6.1.3", "something between empty fragments",
               [text(fin=False), Frame(CONT, b"middle", fin=False), Frame(CONT)], ANSWER)
    hello = VALID["6.2.1"]
    yield Case("6.2.2", "cut between characters",
               [text(hello[:6], fin=False), Frame(CONT, hello[6:])], ANSWER)
    yield Case("6.2.3", "a fragment for each byte", [text(hello[:1], fin=False)] + [
        Frame(CONT, hello[i:i + 1], fin=i + 1 == len(hello)) for i in range(1, len(hello))], ANSWER)
    greek = VALID["6.5.1"]
    yield Case("6.2.4", "Greek, a fragment for each byte", [text(greek[:1], fin=False)] + [
        Frame(CONT, greek[i:i + 1], fin=i + 1 == len(greek)) for i in range(1, len(greek))], ANSWER)
    bad = INVALID["6.3.1"]
    yield Case("6.3.2", "wrong, a fragment for each byte", [text(bad[:1], fin=False)] + [
        Frame(CONT, bad[i:i + 1], fin=i + 1 == len(bad)) for i in range(1, len(bad))], NO_TEXT)
    # It must not wait for the rest of a message that cannot become text any more.
    for i, piece in enumerate((b"\xf4\x90\x80\x80", b"\xf4\x90", b"\xed\xa0", b"\xf5"), 1):
        yield Case(f"6.4.{i}", "wrong before it ends",
                   [text(greek, fin=False), Frame(CONT, piece, fin=False)], NO_TEXT)
    for i, cut in enumerate((1, 2, 3, 5), 2):
        yield Case(f"6.5.{i}", "Greek, cut within a character",
                   [text(greek[:cut], fin=False), Frame(CONT, greek[cut:])], ANSWER)
    for number, payload in VALID.items():
        yield Case(number, "whole UTF-8", [text(payload)], ANSWER)
    for number, payload in INVALID.items():
        yield Case(number, "no UTF-8", [text(payload)], NO_TEXT)
    # The last two of each of the planes 0 to 16 are no characters, and may be sent.
    for plane in range(17):
        for k, low in enumerate((0xfffe, 0xffff), 1):
            yield Case(f"6.22.{2 * plane + k}", "a code point that is no character",
                       [text(chr(plane << 16 | low))], ANSWER)


def part_7():
    hello = text("Hello World!")
    done = [("close", 1000)]
    yield Case("7.1.1", "text, then close", [hello, close(1000)], ["answer"] + done)
    yield Case("7.1.2", "close twice", [close(1000), close(1000)], done)
    yield Case("7.1.3", "ping after close", [close(1000), Frame(PING)], done)
    yield Case("7.1.4", "text after close", [close(1000), hello], done)
    yield Case("7.1.5", "close within a text",
               [text("f", fin=False), close(1000), Frame(CONT)], done)
    yield Case("7.1.6", "a long text, close, ping",
               [text(b"*" * 262144), close(1000), Frame(PING)], TOO_LARGE)
    yield Case("7.3.1", "close without a code", [close()], [("close", 1005)])
    yield Case("7.3.2", "half a code", [Frame(CLOSE, b"\x03")], BROKEN)
    yield Case("7.3.3", "a code", [close(1000)], done)
    yield Case("7.3.4", "a code and a reason", [close(1000, b"Hello World!")], done)
    yield Case("7.3.5", "the longest reason", [close(1000, b"*" * 123)], done)
    yield Case("7.3.6", "a reason too long", [close(1000, b"*" * 124)], BROKEN)
    yield Case("7.5.1", "a reason that is no text", [close(1000, INVALID["6.3.1"])], NO_TEXT)
    valid = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    for i, code in enumerate(valid, 1):
        yield Case(f"7.7.{i}", f"code {code}", [close(code)], [("close", code)])
    invalid = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 1, 500, 1099)
    for i, code in enumerate(invalid, 1):
        yield Case(f"7.9.{i}", f"code {code}", [close(code)], BROKEN)
    yield Case("7.13.1", "code 5000", [close(5000)], BROKEN)
    yield Case("7.13.2", "code 65535", [close(65535)], BROKEN)


def part_9():
    kib = 1024
    sizes = (64, 256, 1024, 4096, 8192, 16384)  # KiB: all over the limit, said before they are read
    for part, opcode in ((1, TEXT), (2, BINARY)):
        for i, size in enumerate(sizes, 1):
            yield Case(f"9.{part}.{i}", f"a message that says {size} KiB",
                       [Frame(opcode, b"*" * 100, length=size * kib)], TOO_LARGE)
    fragments = (64, 256, 1024, 4096, 8192, 12288, 16384, 16385, 32768)
    for part, opcode in ((3, TEXT), (4, BINARY)):
        for i, size in enumerate(fragments, 1):
            frames = [Frame(opcode, b"*" * size, fin=False)]
            while sum(len(frame.payload) for frame in frames) <= LIMIT:
                frames.append(Frame(CONT, b"*" * size, fin=False))
            yield Case(f"9.{part}.{i}", f"endless fragments of {size} bytes", frames, TOO_LARGE)
    chops = (64, 128, 256, 512, 1024, 2048)
    for part, opcode, want in ((5, TEXT, ANSWER), (6, BINARY, NOT_TAKEN)):
        for i, chop in enumerate(chops, 1):
            yield Case(f"9.{part}.{i}", f"16 KiB in pieces of {chop}",
                       [Frame(opcode, b"*" * LIMIT)], want, chop)
    for i, size in enumerate((0, 16, 64, 256, 1024, 2048), 1):
        yield Case(f"9.7.{i}", f"twenty texts of {size} bytes", [text(b"*" * size)] * 20,
                   ["answer"] * 20 + ["alive"])
        yield Case(f"9.8.{i}", f"twenty texts of {size} bytes in fragments",
                   [text(b"*" * (size // 2), fin=False),
                    Frame(CONT, b"*" * (size - size // 2))] * 20,
                   ["answer"] * 20 + ["alive"])


def part_10():
    rest = [Frame(CONT, b"*" * 1300, fin=False)] * 11
    yield Case("10.1.1", "15.3 KiB in fragments of 1300",
               [text(b"*" * 1300, fin=False), *rest, Frame(CONT, b"*" * 84)], ANSWER)


def beyond():
    """What the suite does not ask: masking and the shortest form of lengths."""
    yield Case("x.1", "a text without a mask", [text("Hello", masked=False)], BROKEN)
    yield Case("x.2", "a ping without a mask", [Frame(PING, masked=False)], BROKEN)
    yield Case("x.3", "5 bytes with a length of 16 bits", [text("Hello", wide=2)], BROKEN)
    yield Case("x.4", "5 bytes with a length of 64 bits", [text("Hello", wide=8)], BROKEN)
    yield Case("x.5", "a length of 2^63", [Frame(TEXT, b"x", length=1 << 63)], BROKEN)
    yield Case("x.6", "a length of 2^62", [Frame(TEXT, b"x", length=1 << 62)], TOO_LARGE)


def all_cases():
    for part in (part_1, part_2, part_3, part_4, part_5, part_6, part_7, part_9, part_10, beyond):
        yield from part()
