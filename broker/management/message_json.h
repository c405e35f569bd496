// Messages as the HTTP API shows and takes them.
#pragma once

#include "broker/core/effect.h"
#include "protocol/base/result.h"

#include <boost/json/object.hpp>

#include <cstdint>

namespace lvt::broker {

/// How got messages are to be shown.
struct GetForm {
    /// Else payloads that are UTF-8 stay text.
    bool base64 = false;
    /// Octets of a payload that are shown.
    std::uint64_t payload_max = ~std::uint64_t{0};
};

/// Any thread.
boost::json::object json_of(const GotMessage& got, const GetForm& form);

/// Properties in wire form. Numbers may be texts. invalid where one is of a wrong type or too long.
Result<Bytes> properties_of(const boost::json::object& properties);

}  // namespace lvt::broker
