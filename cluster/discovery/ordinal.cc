#include "cluster/discovery/ordinal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace lvt::discovery {

std::string with_ordinal(std::string_view node_name, std::int64_t ordinal) {
    const auto is_digit = [](char octet) {
        return std::isdigit(static_cast<unsigned char>(octet)) != 0;
    };
    const std::size_t at = node_name.find('@');
    if (at == std::string_view::npos) return {};
    const std::size_t dot = std::min(node_name.find('.', at), node_name.size());
    for (std::size_t dash = node_name.rfind('-', dot);
         dash != std::string_view::npos && dash > at + 1;
         dash = node_name.rfind('-', dash - 1)) {
        std::size_t end = dash + 1;
        while (end < dot && is_digit(node_name[end])) ++end;
        if (end == dash + 1) continue;
        return fmt::format("{}-{}{}", node_name.substr(0, dash), ordinal, node_name.substr(end));
    }
    return {};
}

}  // namespace lvt::discovery
