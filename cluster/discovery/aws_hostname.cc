#include "cluster/discovery/aws_hostname.h"

#include <pugixml.hpp>

#include <algorithm>
#include <charconv>

namespace lvt::discovery {
namespace {

std::vector<pugi::xml_node> sorted_items(const pugi::xml_node& set) {
    std::vector<pugi::xml_node> out;
    for (const pugi::xml_node item : set.children("item")) out.push_back(item);
    const std::string_view name = set.name();
    if (name == "networkInterfaceSet")
        std::ranges::stable_sort(out, {}, [](const pugi::xml_node& item) {
            return item.child("attachment").child("deviceIndex").text().as_int();
        });
    if (name == "privateIpAddressesSet")
        std::ranges::stable_sort(out, {}, [](const pugi::xml_node& item) {
            return item.child("primary").text().as_bool() ? 0 : 1;
        });
    return out;
}

}  // namespace

std::string aws_host_name(const pugi::xml_node& instance, const std::vector<std::string>& path) {
    pugi::xml_node at = instance;
    for (const std::string& word : path) {
        std::size_t number = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error != std::errc{} || end != word.data() + word.size()) {
            at = at.child(word.c_str());
            continue;
        }
        const std::vector<pugi::xml_node> items = sorted_items(at);
        if (number == 0 || number > items.size()) return {};
        at = items[number - 1];
    }
    return at.child_value();
}

std::vector<std::string> split_path(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        std::string word{text.substr(0, end)};
        std::erase_if(word, [](char octet) { return octet == ' ' || octet == '\t'; });
        if (!word.empty()) out.push_back(std::move(word));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace lvt::discovery
