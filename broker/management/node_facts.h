// What the nodes of a cluster tell each other of themselves: JSON, with what is unknown left out.
#pragma once

#include "broker/management/api.h"

#include <optional>
#include <string>
#include <string_view>

namespace lvt::broker {

/// What a node tells of itself.
struct ToldFacts : NodeFacts {
    std::string product;
    std::string version;
};

/// A member of the cluster, as this node knows it.
struct MemberFacts {
    std::string name;
    bool itself = false;
    bool running = false;
    bool voter = false;
    /// What it said last; nothing: it has not yet.
    std::optional<ToldFacts> facts;
};

[[nodiscard]] std::string encode_node_facts(const ToldFacts& facts);
/// Nothing where it is no such text. What a node of another version says besides is passed over.
[[nodiscard]] std::optional<ToldFacts> decode_node_facts(std::string_view text);

}  // namespace lvt::broker
