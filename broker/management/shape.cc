#include "broker/management/shape.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace lvt::broker {

namespace json = boost::json;

namespace {

std::vector<std::string> words_of(std::string_view text, char separator) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (end > 0) words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

using Paths = std::vector<std::vector<std::string>>;

void choose(json::object& object, const Paths& paths) {
    for (auto at = object.begin(); at != object.end();) {
        Paths below;
        bool whole = false;
        for (const auto& path : paths) {
            if (path.front() != std::string_view(at->key())) continue;
            whole |= path.size() == 1;
            below.emplace_back(path.begin() + 1, path.end());
        }
        if (below.empty()) {
            at = object.erase(at);
            continue;
        }
        if (!whole) {
            std::erase_if(below, [](const auto& path) { return path.empty(); });
            if (json::object* const inner = at->value().if_object()) choose(*inner, below);
            if (json::array* const all = at->value().if_array()) {
                for (json::value& one : *all)
                    if (json::object* const inner = one.if_object()) choose(*inner, below);
            }
        }
        ++at;
    }
}

/// Numbers first, then words of the language, then objects, lists and texts: the order of Erlang's terms, which clients see.
int rank(const json::value& value) {
    if (value.is_number()) return 0;
    if (value.is_null() || value.is_bool()) return 1;
    if (value.is_object()) return 2;
    return value.is_array() ? 3 : 4;
}

bool is_less(const json::value& a, const json::value& b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    if (a.is_string()) return a.get_string() < b.get_string();
    if (a.is_number()) return a.to_number<double>() < b.to_number<double>();
    if (a.is_bool() && b.is_bool()) return a.get_bool() < b.get_bool();
    return false;
}

/// 0 stands for what is not there.
json::value dotted(const json::object& object, const std::vector<std::string>& path) {
    const json::object* at = &object;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const json::value* const found = at->if_contains(path[i]);
        if (!found) break;
        if (i + 1 == path.size()) return *found;
        if (!found->is_object()) break;
        at = &found->get_object();
    }
    return 0;
}

/// Those that are equal stay as they stand.
void sort_by(std::vector<json::object>& rows, const std::vector<std::string>& path) {
    std::vector<std::pair<json::value, std::size_t>> keys;
    keys.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) keys.emplace_back(dotted(rows[i], path), i);
    std::stable_sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) {
        return is_less(a.first, b.first);
    });
    std::vector<json::object> sorted;
    sorted.reserve(rows.size());
    for (const auto& [key, index] : keys) sorted.push_back(std::move(rows[index]));
    rows.swap(sorted);
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return out;
}

/// Nothing: it is no number.
std::optional<std::int64_t> number_of(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

ColumnChoice::ColumnChoice(std::string_view columns) {
    for (const std::string& column : words_of(columns, ',')) {
        auto path = words_of(column, '.');
        if (!path.empty()) paths_.push_back(std::move(path));
    }
}

bool ColumnChoice::wants(std::string_view key) const {
    return all() || std::any_of(paths_.begin(), paths_.end(), [&](const auto& path) {
               return path.front() == key;
           });
}

void ColumnChoice::apply(json::object& object) const {
    if (!all()) choose(object, paths_);
}

Shape::Shape(const http::Query& query)
    : columns_(query.text("columns")),
      sort_(words_of(query.text("sort"), '.')),
      reverse_(query.flag("sort_reverse")),
      name_(query.text("name")),
      use_regex_(query.flag("use_regex")) {
    if (query.find("page")) read_page(query);
    if (!use_regex_ || name_.empty()) return;
    Result<Regex> regex = Regex::parse(name_, {.ignores_case = true, .steps_max = kNameStepsMax});
    if (regex.has_error())
        fault_ =
            ShapeFault{"bad_request", "name is no regular expression: " + regex.error().message};
    else
        regex_ = std::move(*regex);
}

void Shape::read_page(const http::Query& query) {
    const auto number = number_of(query.text("page"));
    const auto size = number_of(query.text("page_size", "100"));
    if (number && size && *number > 0 && *size > 0 && *size <= kPageSizeMax) {
        page_ = Page{*number, *size};
        return;
    }
    fault_ = ShapeFault{
        "invalid_pagination_parameters",
        fmt::format(
            "Invalid pagination parameters: page number {}, page size {}",
            query.text("page"),
            query.text("page_size", "undefined"))};
}

bool Shape::needs(std::string_view key) const {
    return columns_.wants(key) || (page_ && key == "name") ||
           (merges_ && (key == "name" || key == "vhost")) ||
           (!sort_.empty() && sort_.front() == key);
}

boost::system::result<json::value, ShapeFault> Shape::arrange(
    std::vector<json::object> rows) const {
    if (merges_) {
        sort_by(rows, {"name"});
        sort_by(rows, {"vhost"});
    }
    if (!sort_.empty()) sort_by(rows, sort_);
    if (reverse_) std::reverse(rows.begin(), rows.end());
    if (!page_) return array_of(rows, 0, rows.size());

    const std::size_t total = rows.size();
    if (!name_.empty() && !keep_named(rows))
        return ShapeFault{"bad_request", "it takes too long to look for name"};
    const auto size = static_cast<std::size_t>(page_->size);
    const auto skipped = static_cast<std::size_t>(page_->number - 1);
    if (skipped > 0 && skipped > rows.size() / size) {
        return ShapeFault{
            "page_out_of_range",
            fmt::format(
                "Page out of range, page: {} page size: {}, len: {}",
                page_->number,
                size,
                rows.size())};
    }
    const std::size_t begin = std::min(skipped * size, rows.size());
    const std::size_t end = std::min(begin + size, rows.size());
    json::value items = array_of(rows, begin, end);
    return json::object{
        {"filtered_count", rows.size()},
        {"item_count", end - begin},
        {"items", std::move(items)},
        {"page", page_->number},
        {"page_count", (rows.size() + size - 1) / size},
        {"page_size", page_->size},
        {"total_count", total}};
}

bool Shape::keep_named(std::vector<json::object>& rows) const {
    const std::string wanted = lower(name_);
    bool in_time = true;
    std::erase_if(rows, [&](const json::object& row) {
        const json::value* const name = row.if_contains("name");
        if (!in_time || !name || !name->is_string()) return true;
        const std::string_view text = name->get_string();
        if (!regex_) return lower(text).find(wanted) == std::string::npos;
        const std::optional<bool> found = regex_->find_in(text);
        in_time = found.has_value();
        return found != true;
    });
    return in_time;
}

json::value Shape::array_of(
    std::vector<json::object>& rows, std::size_t begin, std::size_t end) const {
    json::array out;
    out.reserve(end - begin);
    for (std::size_t i = begin; i < end; ++i) {
        columns_.apply(rows[i]);
        out.push_back(std::move(rows[i]));
    }
    return out;
}

}  // namespace lvt::broker
