"""JSON Schemas of Structs, as the API description has them (2020-12, by reference)."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect as mi

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"
ANY_OF = "any_of"

PLAIN: dict[type[mi.Type], Schema] = {
    mi.AnyType: {},
    mi.RawType: {},
    mi.NoneType: {"type": "null"},
    mi.BoolType: {"type": "boolean"},
    mi.IntType: {"type": "integer"},
    mi.FloatType: {"type": "number"},
    mi.StrType: {"type": "string"},
    mi.BytesType: {"type": "string", "contentEncoding": "base64"},
    mi.DateTimeType: {"type": "string", "format": "date-time"},
}
LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
LENGTHS = {mi.StrType: "Length", mi.BytesType: "Length", mi.DictType: "Properties"}


class Schemas:
    """The schemas of types; `components` has those of all Structs that were met.

    `taken` are the types of request bodies. A Struct of answers only says that its fields are always there; one that
    clients send too says it of those fields that have no default. msgspec has no unions of Structs without tags:
    `Annotated[Any, Meta(extra={"any_of": (A, B)})]` says that it is one of them. `meanings` are sentences about fields,
    for the types that are named with them.
    """

    def __init__(self, taken: Iterable[Any] = (), meanings: Iterable[tuple[Any, Mapping[str, str]]] = ()) -> None:
        self.components: dict[str, Schema] = {}
        self._names: dict[Any, str] = {}
        self._meanings = dict(meanings)
        self._taken = {struct.cls for type_ in taken for struct in _structs(mi.type_info(type_))}

    def of(self, type_: Any) -> Schema:
        return self._schema(mi.type_info(type_))

    def inline(self, struct: type[msgspec.Struct]) -> Schema:
        """The schema of a Struct itself, not a reference to it."""
        found = mi.type_info(struct)
        if not isinstance(found, mi.StructType):
            raise TypeError(f"{struct} is no Struct.")
        return self._struct(found)

    def _schema(self, info: mi.Type) -> Schema:
        if isinstance(info, mi.Metadata):
            options = (info.extra or {}).get(ANY_OF)
            found = {"anyOf": [self.of(option) for option in options]} if options else self._schema(info.type)
            return found | (info.extra_json_schema or {})
        if isinstance(info, mi.StructType):
            return {"$ref": REFERENCE + self._component(info)}
        if isinstance(info, mi.UnionType):
            return self._union(info)
        if isinstance(info, mi.LiteralType):
            return _choice(info.values)
        return PLAIN.get(type(info), {}) | self._container(info) | _limits(info)

    def _container(self, info: mi.Type) -> Schema:
        if isinstance(info, mi.CollectionType):
            return {"type": "array", "items": self._schema(info.item_type)}
        if isinstance(info, mi.TupleType):
            items = [self._schema(item) for item in info.item_types]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        if isinstance(info, mi.DictType):
            return {"type": "object", "additionalProperties": self._schema(info.value_type)}
        if type(info) not in PLAIN:
            raise TypeError(f"The API description cannot express {info}.")
        return {}

    def _union(self, info: mi.UnionType) -> Schema:
        some = [option for option in info.types if not isinstance(option, mi.NoneType)]
        tags = {option.tag: option for option in some if isinstance(option, mi.StructType) and option.tag is not None}
        options = [self._schema(option) for option in some]
        found: Schema = options[0] if len(options) == 1 else {"anyOf": options}
        if tags and len(tags) == len(some) > 1:
            names = {str(tag): REFERENCE + self._component(option) for tag, option in tags.items()}
            found["discriminator"] = {"propertyName": next(iter(tags.values())).tag_field, "mapping": names}
        return found if len(some) == len(info.types) else _or_null(found)

    def _component(self, info: mi.StructType) -> str:
        if info.cls not in self._names:
            name = info.cls.__name__
            if name in self.components:
                name = f"{info.cls.__module__.replace('.', '_')}_{name}"
            self._names[info.cls] = name
            self.components[name] = {}  # a Struct may contain itself
            self.components[name] = self._struct(info)
        return self._names[info.cls]

    def _struct(self, info: mi.StructType) -> Schema:
        always = info.cls not in self._taken and not info.cls.__struct_config__.omit_defaults
        known = self._meanings.get(info.cls, {})
        fields = {
            field.encode_name: self._field(field, always) | _meaning(known, info.cls.__name__, field.encode_name)
            for field in info.fields
        }
        required = [field.encode_name for field in info.fields if field.required or (always and not _may_miss(field))]
        if info.tag_field is not None:
            fields = {info.tag_field: _choice((info.tag,)), **fields}
            required.insert(0, info.tag_field)
        found: Schema = {"type": "object", "properties": fields}
        if required:
            found["required"] = required
        if info.forbid_unknown_fields:
            found["additionalProperties"] = False
        if info.cls.__doc__:
            found["description"] = inspect.cleandoc(info.cls.__doc__)
        return found

    def _field(self, field: mi.Field, always: bool) -> Schema:
        found = self._schema(field.type)
        if not always and field.default not in (msgspec.NODEFAULT, None) and "$ref" not in found:
            found = found | {"default": msgspec.to_builtins(field.default)}
        return found


def _meaning(known: Mapping[str, str], struct: str, field: str) -> Schema:
    words = known.get(f"{struct}.{field}") or known.get(field)
    return {"description": words} if words else {}


def _structs(info: mi.Type, seen: set[Any] | None = None) -> Iterator[mi.StructType]:
    """Every Struct in a type."""
    seen = set() if seen is None else seen
    below: Iterable[mi.Type] = ()
    if isinstance(info, mi.StructType):
        if info.cls in seen:
            return
        seen.add(info.cls)
        yield info
        below = [field.type for field in info.fields]
    elif isinstance(info, mi.Metadata):
        below = (info.type,)
    elif isinstance(info, mi.CollectionType):
        below = (info.item_type,)
    elif isinstance(info, mi.TupleType):
        below = info.item_types
    elif isinstance(info, mi.DictType):
        below = (info.value_type,)
    elif isinstance(info, mi.UnionType):
        below = info.types
    for each in below:
        yield from _structs(each, seen)


def _may_miss(field: mi.Field) -> bool:
    """Whether the field is left out where it is UNSET: msgspec shows that as no default at all."""
    return not field.required and field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT


def _choice(values: Iterable[Any]) -> Schema:
    values = sorted(values, key=str)
    found: Schema = {"enum": values}
    if all(isinstance(value, str) for value in values):
        found["type"] = "string"
    elif all(isinstance(value, bool) for value in values):
        found["type"] = "boolean"
    return found


def _or_null(schema: Schema) -> Schema:
    if not schema:
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    if schema.keys() == {"anyOf"}:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {"anyOf": [schema, {"type": "null"}]}


def _limits(info: mi.Type) -> Schema:
    found = {word: getattr(info, name) for name, word in LIMITS.items() if getattr(info, name, None) is not None}
    ending = LENGTHS.get(type(info), "Items")
    for end in ("min", "max"):
        length = getattr(info, f"{end}_length", None)
        if length is not None:
            found[end + ending] = length
    return found
