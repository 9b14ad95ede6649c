"""What goes between the processes of the sandbox: frames of JSON, and values as plain data.

A value that a program returns leaves its process as data only: numbers, text, bytes, containers,
dates. Anything else stays behind and is named by a number (`Held`). Of what comes out of a
program's process nothing is executed, and nothing is believed but that it is what the program
returned.
"""

import json
import marshal
import os
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Any

MAX_FRAME_BYTES = 16 * 2**20
_HEADER_BYTES = 8
_PART_BYTES = 2**16
_JSON_INT = 2**53


class Held:
    """An object that stays in the program's process, by its number there and its type's name."""

    def __init__(self, number: int, type_name: str, *, iterator: bool = False) -> None:
        # Named so that they hide no attribute that the object itself may have.
        self._held_number, self._held_type, self._held_iterator = number, type_name, iterator


class NotData(Exception):
    """A value that can't be sent as data."""


class Closed(Exception):
    """The other side has closed."""


class Nonsense(Exception):
    """The other side sends what no honest one sends."""


class TooLate(BaseException):
    """The deadline has passed."""


def json_frame(message: Any) -> bytes:
    """A frame of JSON: eight bytes of length before it.

    Raises:
        ValueError: the message is too long.
    """
    return _framed(json.dumps(message, separators=(",", ":")).encode("ascii"))


def frame_size(begun: bytes | bytearray) -> int:
    """How long a frame is, of which at least the eight bytes of length are there."""
    return _HEADER_BYTES + int.from_bytes(begun[:_HEADER_BYTES], "big")


def frame_content(frame: bytes | bytearray) -> Any:
    """What a whole frame of JSON holds."""
    return json.loads(frame[_HEADER_BYTES:])


def is_whole(begun: bytes | bytearray) -> bool:
    """Whether a frame has been read to its end."""
    return len(begun) >= _HEADER_BYTES and len(begun) == frame_size(begun)


def _framed(body: bytes) -> bytes:
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError("too long a message")
    return len(body).to_bytes(_HEADER_BYTES, "big") + body


class Channel:
    """Frames to and from another process through two descriptors, which may be the same."""

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink
        self._read = bytearray()

    def send(self, message: Any) -> None:
        """Write a frame: eight bytes of length, and JSON.

        Raises:
            Closed: the other side is gone.
            ValueError: the message is too long.
        """
        self._write(json_frame(message))

    def give_order(self, order: Any) -> None:
        """Send what `take_order` takes."""
        self._write(_framed(marshal.dumps(order)))

    def _write(self, frame: bytes) -> None:
        unsent = memoryview(frame)
        try:
            while unsent:
                unsent = unsent[os.write(self._sink, unsent) :]
        except OSError as error:
            raise Closed from error

    def receive(self) -> Any:
        """Read a frame of JSON.

        Raises:
            Closed: the other side is gone.
            Nonsense: it sends what is no frame, or no JSON.
        """
        try:
            return json.loads(self._frame())
        except (ValueError, RecursionError) as error:
            raise Nonsense from error

    def take_order(self) -> Any:
        """Read a frame in Python's own format, which is quicker, from one that is trusted.

        Raises:
            Closed: the other side is gone.
        """
        return marshal.loads(self._frame())

    def _frame(self) -> bytes:
        self._read_up_to(_HEADER_BYTES)
        size = frame_size(self._read)
        if size > MAX_FRAME_BYTES:
            raise Nonsense
        self._read_up_to(size)
        body = bytes(self._read[_HEADER_BYTES:size])
        del self._read[:size]
        return body

    def _read_up_to(self, size: int) -> None:
        while len(self._read) < size:
            try:
                part = os.read(self._source, _PART_BYTES)
            except OSError as error:
                raise Closed from error
            if not part:
                raise Closed
            self._read += part


def encode(value: Any, hold: Callable[[Any], Held]) -> Any:
    """Turn a value into what JSON can carry; `hold` names what isn't data (or raises).

    A subclass of a plain type goes as that type. Items are read by the plain type's own methods.
    """
    write = _WRITERS_OF_TYPE.get(type(value))
    if write is not None:
        return write(value, hold)
    if isinstance(value, Held):
        return {"held": [value._held_number, value._held_type, value._held_iterator]}
    for plain, write in _WRITERS:
        if isinstance(value, plain):
            return write(value, hold)
    for module, name, write in _WRITERS_OF_MODULES:
        found = sys.modules.get(module)  # No value of a type whose module isn't loaded.
        if found is not None and isinstance(value, getattr(found, name, ())):
            return write(value, hold)
    return encode(hold(value), hold)


def decode(sent: Any, holding: Callable[[int, str, bool], Any]) -> Any:
    """Turn what `encode` made into the value again; `holding` makes what stands for a `Held`.

    Raises:
        Nonsense: it isn't what `encode` makes.
    """
    try:
        return _decode(sent, holding)
    except (KeyError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise Nonsense from error


def _decode(sent: Any, holding: Callable[[int, str, bool], Any]) -> Any:
    if isinstance(sent, list):
        return [_decode(item, holding) for item in sent]
    if not isinstance(sent, dict):
        return sent
    ((tag, content),) = sent.items()
    if tag == "held":
        number, type_name, iterator = content
        return holding(int(number), str(type_name), bool(iterator))
    if tag in _SCALARS:
        return _SCALARS[tag](content)
    if tag in _OF_PAIRS:
        return _OF_PAIRS[tag](
            [(_decode(key, holding), _decode(value, holding)) for key, value in content]
        )
    return _OF_ITEMS[tag]([_decode(item, holding) for item in content])


def _write_int(value: int, _hold: Any) -> Any:
    plain = int.__index__(value)
    # As hexadecimal digits, of which Python reads any number.
    return plain if abs(plain) < _JSON_INT else {"int": int.__format__(plain, "x")}


def _of_items(tag: str, plain: type) -> Callable[[Any, Any], Any]:
    def write(value: Any, hold: Any) -> Any:
        items = [encode(item, hold) for item in plain.__iter__(value)]  # type: ignore[attr-defined]
        return items if tag == "list" else {tag: items}

    return write


def _of_pairs(tag: str) -> Callable[[Any, Any], Any]:
    def write(value: Any, hold: Any) -> Any:
        return {tag: [[encode(k, hold), encode(v, hold)] for k, v in dict.items(value)]}

    return write


# The first that fits: bool before int, datetime before date, the special containers before theirs.
_WRITERS: tuple[tuple[type, Callable[[Any, Any], Any]], ...] = (
    (type(None), lambda _value, _hold: None),
    (bool, lambda value, _hold: value),
    (int, _write_int),
    (float, lambda value, _hold: {"float": float.hex(value)}),
    (str, lambda value, _hold: str.__str__(value)),
    (list, _of_items("list", list)),
    (tuple, _of_items("tuple", tuple)),
    (Counter, _of_pairs("counter")),
    (OrderedDict, _of_pairs("ordered")),
    (dict, _of_pairs("dict")),
    (set, _of_items("set", set)),
    (frozenset, _of_items("frozenset", frozenset)),
    (deque, _of_items("deque", deque)),
    (complex, lambda value, _hold: {"complex": [value.real.hex(), value.imag.hex()]}),
    (bytes, lambda value, _hold: {"bytes": bytes.hex(value)}),
    (bytearray, lambda value, _hold: {"bytearray": bytearray.hex(value)}),
    (range, lambda value, _hold: {"range": [value.start, value.stop, value.step]}),
    (type(dict().keys()), lambda value, hold: {"keys": [encode(k, hold) for k in value]}),
)
# For a value of exactly such a type, which most are.
_WRITERS_OF_TYPE = dict(_WRITERS)
_WRITERS_OF_MODULES: tuple[tuple[str, str, Callable[[Any, Any], Any]], ...] = (
    ("fractions", "Fraction", lambda value, _hold: {"fraction": str(value)}),
    ("decimal", "Decimal", lambda value, _hold: {"decimal": str(value)}),
    ("datetime", "datetime", lambda value, _hold: {"datetime": value.isoformat()}),
    ("datetime", "date", lambda value, _hold: {"date": value.isoformat()}),
    ("datetime", "time", lambda value, _hold: {"time": value.isoformat()}),
    (
        "datetime",
        "timedelta",
        lambda value, _hold: {"timedelta": [value.days, value.seconds, value.microseconds]},
    ),
)


def _of_module(module: str, name: str) -> Callable[[Any], Any]:
    def make(content: Any) -> Any:
        __import__(module)
        of_type = getattr(sys.modules[module], name)
        if module == "datetime" and name != "timedelta":
            return of_type.fromisoformat(content)
        return of_type(*content) if isinstance(content, list) else of_type(content)

    return make


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "int": lambda digits: int(digits, 16),
    "float": float.fromhex,
    "complex": lambda parts: complex(float.fromhex(parts[0]), float.fromhex(parts[1])),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda parts: range(*parts),
    **{name.lower(): _of_module(module, name) for module, name, _ in _WRITERS_OF_MODULES},
}
_OF_ITEMS: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": deque,
    "keys": lambda items: dict.fromkeys(items).keys(),
}
_OF_PAIRS: dict[str, Callable[[list[Any]], Any]] = {
    "dict": dict,
    "ordered": OrderedDict,
    "counter": lambda pairs: Counter(dict(pairs)),
}
