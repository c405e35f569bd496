// Shape: what the query of a GET asks of a list or an object: columns, order, pages.
#pragma once

#include "broker/auth/regex.h"
#include "broker/http/path.h"
#include "protocol/base/result.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::broker {

/// `columns=name,queue.name`: paths into an object. None: all of it.
class ColumnChoice {
public:
    ColumnChoice() = default;
    explicit ColumnChoice(std::string_view columns);

    bool all() const { return paths_.empty(); }
    /// Is anything asked below this key of the object itself?
    bool wants(std::string_view key) const;
    /// Leaves only what is asked.
    void apply(boost::json::object& object) const;

private:
    std::vector<std::vector<std::string>> paths_;
};

/// Why a query cannot be answered; `error` and `reason` of RabbitMQ's answer 400.
struct ShapeFault {
    std::string error;
    std::string reason;
};

class Shape {
public:
    /// At most so many items a page, and as many where nothing is said.
    static constexpr std::int64_t kPageSizeMax = 500;
    static constexpr std::int64_t kPageSizeDefault = 100;
    /// See RegexOptions; for one name of a list.
    static constexpr std::uint32_t kNameStepsMax = 100'000;

    explicit Shape(const http::Query& query);

    /// The rows are of several nodes: what they are put in order by is needed too.
    void merge() { merges_ = true; }
    /// Set where the query is no good; nothing else may be called then.
    const std::optional<ShapeFault>& fault() const { return fault_; }
    const ColumnChoice& columns() const { return columns_; }
    /// Rows must be looked at together; else they may be written one by one.
    bool needs_all_rows() const { return merges_ || page_ || reverse_ || !sort_.empty(); }
    /// Does the answer depend on this key of the rows?
    bool needs(std::string_view key) const;

    /// The answer to a list of rows: an array, or a page with its numbers. They stand in their natural order, which is that of virtual
    /// host and name where several nodes made them. A fault: there is no such page, or it would cost too much to fill it.
    boost::system::result<boost::json::value, ShapeFault> arrange(
        std::vector<boost::json::object> rows) const;

private:
    void read_page(const http::Query& query);
    /// Drops the rows whose names do not fit; false where it takes too long to find out.
    bool keep_named(std::vector<boost::json::object>& rows) const;
    boost::json::value array_of(
        std::vector<boost::json::object>& rows, std::size_t begin, std::size_t end) const;

    std::optional<ShapeFault> fault_;
    ColumnChoice columns_;
    std::vector<std::string> sort_;
    bool reverse_ = false;
    bool merges_ = false;
    struct Page {
        std::int64_t number = 1;
        std::int64_t size = kPageSizeDefault;
    };
    std::optional<Page> page_;
    std::string name_;
    bool use_regex_ = false;
    std::optional<Regex> regex_;
};

}  // namespace lvt::broker
