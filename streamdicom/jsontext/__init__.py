"""JSON text (RFC 8259) as a stream of tokens: a push parser and a writer, without a document in memory.

>>> from streamdicom.jsontext import JsonReader, TokenType
>>> [token for token in JsonReader().feed(b'[1e400]') if token[0] == TokenType.NUMBER]
[(9, '1e400')]
"""

from streamdicom.jsontext.emitter import JsonWriter
from streamdicom.jsontext.tokenizer import JsonReader
from streamdicom.jsontext.tokens import Token, TokenType

__all__ = ["JsonReader", "JsonWriter", "Token", "TokenType"]
