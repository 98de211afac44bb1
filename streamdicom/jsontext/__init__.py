"""JSON text (RFC 8259) as a stream of tokens.

The tokenizer and the emitter never hold a whole document in memory.

>>> from streamdicom.jsontext import JsonTokenizer, TokenType
>>> [token for token in JsonTokenizer().feed(b'[1e400]') if token[0] == TokenType.NUMBER]
[(9, '1e400')]
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.jsontext.base64 import (
        Base64Decoder,
        Base64Encoder,
        decode_any_base64,
        decode_base64,
        encode_base64,
    )
    from streamdicom.jsontext.boundaries import Ambiguous, CommentError, Joiner, Summary, scan
    from streamdicom.jsontext.emitter import ONE_LINE, JsonEmitter
    from streamdicom.jsontext.escapes import SURROGATE
    from streamdicom.jsontext.grammar import Expect
    from streamdicom.jsontext.masking import PathMask
    from streamdicom.jsontext.origin import FIRST, NEXT, Origin
    from streamdicom.jsontext.pieces import BoundaryScanner, PartScanner
    from streamdicom.jsontext.stretch import Stretch
    from streamdicom.jsontext.strings import length_in_bytes
    from streamdicom.jsontext.tokenizer import JsonTokenizer
    from streamdicom.jsontext.tokens import DEPTHS, NUMBER_TEXT, Token, TokenType

__all__ = [
    "DEPTHS",
    "FIRST",
    "NEXT",
    "NUMBER_TEXT",
    "ONE_LINE",
    "SURROGATE",
    "Ambiguous",
    "Base64Decoder",
    "Base64Encoder",
    "BoundaryScanner",
    "CommentError",
    "Expect",
    "Joiner",
    "JsonEmitter",
    "JsonTokenizer",
    "Origin",
    "PartScanner",
    "PathMask",
    "Stretch",
    "Summary",
    "Token",
    "TokenType",
    "decode_any_base64",
    "decode_base64",
    "encode_base64",
    "length_in_bytes",
    "scan",
]

# A command needs few of them.
_LATE = {
    "base64": ("Base64Decoder", "Base64Encoder", "decode_any_base64", "decode_base64", "encode_base64"),
    "boundaries": ("Ambiguous", "CommentError", "Joiner", "Summary", "scan"),
    "emitter": ("JsonEmitter", "ONE_LINE"),
    "escapes": ("SURROGATE",),
    "grammar": ("Expect",),
    "masking": ("PathMask",),
    "origin": ("FIRST", "NEXT", "Origin"),
    "pieces": ("BoundaryScanner", "PartScanner"),
    "stretch": ("Stretch",),
    "strings": ("length_in_bytes",),
    "tokenizer": ("JsonTokenizer",),
    "tokens": ("DEPTHS", "NUMBER_TEXT", "Token", "TokenType"),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
