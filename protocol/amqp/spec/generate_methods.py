#!/usr/bin/env python3
"""Writes method.h and method.cc from AMQP specification files.

usage: generate_methods.py OUTPUT_DIR SPEC.xml [SUPPLEMENT.xml ...]

Later files add classes and methods to those of earlier ones.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml

CPP_TYPES = {
    "bit": "bool", "octet": "std::uint8_t", "short": "std::uint16_t", "long": "std::uint32_t",
    "longlong": "std::uint64_t", "timestamp": "std::uint64_t", "shortstr": "Bytes",
    "longstr": "Bytes", "table": "Table",
}
READERS = {
    "octet": "in.u8()", "short": "in.u16()", "long": "in.u32()", "longlong": "in.u64()",
    "timestamp": "in.u64()", "shortstr": "Bytes(in.short_string())",
    "longstr": "Bytes(in.long_string())",
}
WRITERS = {
    "octet": "u8", "short": "u16", "long": "u32", "longlong": "u64", "timestamp": "u64",
    "shortstr": "short_string", "longstr": "long_string",
}


class Field:
    def __init__(self, element, domains):
        self.name = element.get("name").replace("-", "_")
        kind = element.get("domain") or element.get("type")
        self.kind = domains.get(kind, kind)


class Method:
    def __init__(self, class_name, class_id, element, domains):
        words = [class_name] + element.get("name").split("-")
        self.type_name = "".join(word.capitalize() for word in words)
        self.spec_name = f"{class_name}.{element.get('name')}"
        self.class_id = class_id
        self.method_id = int(element.get("index"))
        self.has_content = element.get("content") == "1"
        self.fields = [Field(f, domains) for f in element.findall("field")]


def load(paths):
    domains, methods = {}, []
    for path in paths:
        root = xml.parse(path).getroot()
        domains.update({d.get("name"): d.get("type") for d in root.iter("domain")})
        for class_element in root.findall("class"):
            class_id = int(class_element.get("index"))
            for element in class_element.findall("method"):
                methods.append(Method(class_element.get("name"), class_id, element, domains))
    return sorted(methods, key=lambda m: (m.class_id, m.method_id))


def struct(method):
    lines = [f"/// {method.spec_name}", f"struct {method.type_name} {{"]
    lines.append(f"    static constexpr std::uint16_t kClassId = {method.class_id};")
    lines.append(f"    static constexpr std::uint16_t kMethodId = {method.method_id};")
    lines.append(f'    static constexpr const char* kName = "{method.spec_name}";')
    lines.append(f"    static constexpr bool kHasContent = {'true' if method.has_content else 'false'};")
    lines.append("")
    lines += [f"    {CPP_TYPES[f.kind]} {f.name}{{}};" for f in method.fields]
    lines.append(f"    bool operator==(const {method.type_name}&) const = default;")
    lines.append("    /// Calls visit(name, field) for each, in the order of the wire.")
    argument = "" if method.fields else "[[maybe_unused]] "
    lines += ["    template <class Visit>", f"    void for_each_field({argument}Visit&& visit) {{"]
    lines += [f'        visit("{f.name}", {f.name});' for f in method.fields]
    lines.append("    }")
    lines.append("};")
    return "\n".join(lines)


def bit_groups(fields):
    """Consecutive bits share octets, eight to one, the first in the lowest position (spec 4.2.5.2)."""
    groups = []
    for field in fields:
        if field.kind == "bit" and groups and isinstance(groups[-1], list) and len(groups[-1]) < 8:
            groups[-1].append(field)
        else:
            groups.append([field] if field.kind == "bit" else field)
    return groups


def decoder(method):
    lines = [f"AmqpResult<Method> decode_{method.type_name}(ByteReader& in) {{"]
    lines.append("    const ByteView arguments = in.rest();")
    lines.append(f"    {method.type_name} method;")
    for group in bit_groups(method.fields):
        if isinstance(group, list):
            lines.append("    {")
            lines.append("        [[maybe_unused]] const std::uint8_t bits = in.u8();")
            for index, field in enumerate(group):
                lines.append(f"        method.{field.name} = (bits >> {index}) & 1;")
            lines.append("    }")
        elif group.kind == "table":
            lines.append("    {")
            lines.append("        auto table = Table::decode(in.long_string());")
            lines.append("        if (table.has_error()) return in_method(method, std::move(table).error());")
            lines.append(f"        method.{group.name} = std::move(*table);")
            lines.append("    }")
        else:
            lines.append(f"    method.{group.name} = {READERS[group.kind]};")
    lines.append("    if (!in.ok() || !in.done()) return wrong_arguments(method, arguments);")
    lines.append("    return Method(std::move(method));")
    lines.append("}")
    return "\n".join(lines)


def encoder(method):
    argument = "[[maybe_unused]] " if not method.fields else ""
    lines = [f"void encode_fields({argument}const {method.type_name}& method, "
             f"{argument}ByteWriter& out) {{"]
    for group in bit_groups(method.fields):
        if isinstance(group, list):
            bits = " | ".join(f"(method.{f.name} << {i})" for i, f in enumerate(group))
            lines.append(f"    out.u8(static_cast<std::uint8_t>({bits}));")
        elif group.kind == "table":
            lines.append(f"    out.long_string(method.{group.name}.bytes());")
        else:
            lines.append(f"    out.{WRITERS[group.kind]}(method.{group.name});")
    lines.append("}")
    return "\n".join(lines)


HEADER = """// Generated by protocol/amqp/spec/generate_methods.py from the AMQP 0-9-1 specification. Do not edit.
#pragma once

#include <cstdint>
#include <variant>

#include "protocol/amqp/amqp_error.h"
#include "protocol/amqp/table.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

namespace lvt::amqp {

%(structs)s

/// Any method of AMQP 0-9-1 with RabbitMQ's extensions.
using Method = std::variant<
    %(alternatives)s>;

/// Decodes the payload of a method frame: class id, method id, arguments. Fails with frame_error (arguments too short or
/// too long), syntax_error (a malformed table) or command_invalid (no such method); all of them close the connection.
AmqpResult<Method> decode_method(ByteView payload);

/// Appends class id, method id and arguments: the payload of a method frame.
void encode_method(const Method& method, ByteWriter& out);

/// "queue.declare"; for logs and transcripts.
const char* method_name(const Method& method);

}  // namespace lvt::amqp
"""

SOURCE = """// Generated by protocol/amqp/spec/generate_methods.py from the AMQP 0-9-1 specification. Do not edit.
#include "protocol/amqp/method.h"

#include <fmt/format.h>

#include "protocol/amqp/octet_text.h"

namespace lvt::amqp {
namespace {

template <class M>
AmqpError wrong_arguments(const M&, ByteView arguments) {
    return AmqpError{
        ReplyCode::frame_error,
        fmt::format("cannot decode {}", octet_numbers(arguments)),
        M::kClassId,
        M::kMethodId};
}

template <class M>
AmqpError in_method(const M&, AmqpError error) {
    error.class_id = M::kClassId;
    error.method_id = M::kMethodId;
    return error;
}

%(decoders)s

%(encoders)s

constexpr std::uint32_t key(std::uint16_t class_id, std::uint16_t method_id) {
    return std::uint32_t{class_id} << 16 | method_id;
}

}  // namespace

AmqpResult<Method> decode_method(ByteView payload) {
    ByteReader in(payload);
    const std::uint16_t class_id = in.u16();
    const std::uint16_t method_id = in.u16();
    switch (key(class_id, method_id)) {
%(cases)s
        default:
            return AmqpError{
                ReplyCode::command_invalid,
                fmt::format("unknown method {}.{}", class_id, method_id), class_id, method_id};
    }
}

void encode_method(const Method& method, ByteWriter& out) {
    std::visit(
        [&](const auto& m) {
            out.u16(m.kClassId);
            out.u16(m.kMethodId);
            encode_fields(m, out);
        },
        method);
}

const char* method_name(const Method& method) {
    return std::visit([](const auto& m) { return m.kName; }, method);
}

}  // namespace lvt::amqp
"""


def main():
    output = pathlib.Path(sys.argv[1])
    methods = load(sys.argv[2:])
    values = {
        "structs": "\n\n".join(struct(m) for m in methods),
        "alternatives": ",\n    ".join(m.type_name for m in methods),
        "decoders": "\n\n".join(decoder(m) for m in methods),
        "encoders": "\n\n".join(encoder(m) for m in methods),
        "cases": "\n".join(
            f"        case key({m.class_id}, {m.method_id}): return decode_{m.type_name}(in);"
            for m in methods),
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "method.h").write_text(HEADER % values)
    (output / "method.cc").write_text(SOURCE % values)


if __name__ == "__main__":
    main()
